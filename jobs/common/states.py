"""The states of a delivery, as an operator sees them."""

from __future__ import annotations

from enum import StrEnum

from mappings.engine.reasons import Reason


class DeliveryState(StrEnum):
    """`received` until settled; then exactly one of the others."""

    RECEIVED = "received"
    RECORDED = "recorded"
    IGNORED = "ignored"
    FAILED = "failed"
    DISCARDED = "discarded"


#: Why a delivery is ignored.
NO_OUTCOME, SHADOW = IGNORED_REASONS = ("no-outcome", "shadow")
#: Why a delivery can have failed or have been ignored.
REASONS = (*(reason.value for reason in Reason), *IGNORED_REASONS)
