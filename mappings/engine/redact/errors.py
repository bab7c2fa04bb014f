"""The one error of redaction."""

from __future__ import annotations


class NotRedactable(Exception):
    """It cannot be said for certain where the values stand; the message holds nothing of them."""
