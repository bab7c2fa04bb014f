"""A delivery that is to be settled again: what its row holds from then on."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, null

from jobs.common.states import DeliveryState


def unsettled(due_at: ColumnElement[Any]) -> dict[str, Any]:
    """The columns of `deliveries` as of one that waits, due then; nothing is left of its result."""
    return {
        "state": DeliveryState.RECEIVED,
        "attempts": 0,
        "next_attempt_at": due_at,
        "settled_at": null(),
        "reason": null(),
        "detail": null(),
        "rule": null(),
        "held_back": 0,
        "failure_group": null(),
    }
