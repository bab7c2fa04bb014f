"""Mapping deliveries where nothing is posted: dry runs, comparisons, corrections, backtests.

Owns the way from a stored row to what the mappings give for it. Refuses to raise for a bug in
mapping: where nothing is posted it is one more failure of that delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from jobs.ledger.fold import ClaimedDelivery
from jobs.settling.mapper import delivery_input
from mappings.engine.loading.load import MappingSet
from mappings.engine.types import Failure, Mapped, Reason

log = structlog.get_logger(__name__)

EXCEPTION_DETAIL = "mapping it breaks off ({error!r}); the log has the traceback"


def claimed_from(row: Mapping[Any, Any]) -> ClaimedDelivery:
    """A row of `deliveries` as the record that settling works on."""
    return ClaimedDelivery(**{name: row[name] for name in ClaimedDelivery.__slots__ if name in row})


def preview(mappings: MappingSet, delivery: ClaimedDelivery, *, oldest_days: int | None) -> Mapped:
    """What these mappings give for the delivery."""
    try:
        return mappings.map(delivery_input(delivery, oldest_days=oldest_days))
    except Exception as error:
        log.exception("replay.exception", delivery=delivery.id, source=delivery.source)
        failure = Failure(reason=Reason.INTERNAL, detail=EXCEPTION_DETAIL.format(error=error))
        return Mapped(outcomes=(), failures=(failure,), events=0)


def preview_rows(
    mappings: MappingSet, rows: Iterable[Mapping[Any, Any]], *, oldest_days: int | None
) -> dict[str, Mapped]:
    """What these mappings give for each row of `deliveries` that has a body, by id."""
    return {
        row["id"]: preview(mappings, claimed_from(row), oldest_days=oldest_days)
        for row in rows
        if row["body"] is not None
    }
