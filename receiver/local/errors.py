"""The errors of `receiver up`."""

from __future__ import annotations


class UpError(Exception):
    """Base of what ends `receiver up` with exit code 1; the message names the remedy."""


class AlreadyUpError(UpError):
    """Another `receiver up` runs on this data directory; stop it, or use another one."""


class ChildFailedError(UpError):
    """A process of `receiver up` did not come up; its own last words are above or in its log."""


class PortTakenError(UpError):
    """Another program listens on the port; stop it, or set RECEIVER_PORT to another one."""


class TunnelMissingError(UpError):
    """The tunnel's program is not installed."""


class TunnelUnfitError(UpError):
    """A tunnel does not fit what is started; the message names the change."""


class DemoFailedError(UpError):
    """The demo could not post its examples or did not see them settle."""
