"""The errors of `receiver up`."""

from __future__ import annotations


class UpError(Exception):
    """It ends `receiver up` with exit code 1; the message names the remedy."""


class ChildFailedError(UpError):
    """A process of `receiver up` did not come up; its own last words are above or in its log."""
