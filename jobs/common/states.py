"""The states of a delivery, as an operator sees them."""

from __future__ import annotations

from enum import StrEnum


class DeliveryState(StrEnum):
    """`received` until settled; then exactly one of the others."""

    RECEIVED = "received"
    RECORDED = "recorded"
    IGNORED = "ignored"
    FAILED = "failed"
    DISCARDED = "discarded"
