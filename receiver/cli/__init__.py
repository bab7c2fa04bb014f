"""The command line: one function, `main`, for the console script and `python -m receiver`."""

from receiver.cli.app import main

__all__ = ["main"]
