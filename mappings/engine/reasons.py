"""Why a delivery fails permanently, and what fixes it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Reason(StrEnum):
    """Why a delivery failed permanently, until what the reason names is fixed."""

    PARSE = "parse"
    MAPPING = "mapping"
    UNMAPPED = "unmapped"
    UNPRICED = "unpriced"
    CONFLICT = "conflict"
    ID_REUSED = "id-reused"
    INTERNAL = "internal"


_REMEDIATIONS: Mapping[str, str] = {
    Reason.PARSE: (
        "The body is not what the mapping reads. See it with `receiver show`; fix the sender"
        " and discard these, or let the mapping read them and replay."
    ),
    Reason.MAPPING: (
        "Fix the rule that the detail names in the source's mapping file, check it with"
        " `receiver try`, then replay."
    ),
    Reason.UNMAPPED: "Add the missing key to the table that the detail names, then replay.",
    Reason.UNPRICED: "Add the price that the detail names to agents.yaml, then replay.",
    Reason.CONFLICT: (
        "The same outcome stands recorded for another agent, customer or indicator. Fix the rule"
        " that is wrong and replay, or discard these."
    ),
    Reason.ID_REUSED: (
        "The vendor used a signed delivery id twice with different bodies. Replay settles each as"
        " a delivery of its own; or discard these."
    ),
    Reason.INTERNAL: (
        "A fault of this service: the worker's log has the traceback under the delivery's id."
        " Replay once it is fixed."
    ),
}
_UNKNOWN = "Fix what the detail names, then replay."


def remediation_of(reason: str) -> str:
    """What to do about failures of this reason, of earlier versions included."""
    return _REMEDIATIONS.get(reason, _UNKNOWN)
