"""Mapping deliveries: to settle them, a slice at a time in threads, or where nothing is posted.

Owns how much one settling transaction is made of, and that a long mapping keeps its lease.
Refuses to let one delivery's bug touch another: deliveries that broke are listed apart. In a
preview (dry runs, comparisons, corrections, backtests) a bug is one more failure of its delivery.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from jobs.ledger.fold import ClaimedDelivery
from jobs.ledger.recording import MappedDelivery
from jobs.settling import claims
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet
from mappings.engine.reasons import Reason
from mappings.engine.types import DeliveryInput, Failure, Mapped

log = structlog.get_logger(__name__)

#: A settling transaction is made of what mapped to so many outcomes, or in so many seconds.
SLICE_OUTCOMES = 1_000
SLICE_SECONDS = 0.5
#: How often the lease of a long mapping is extended.
KEEP_ALIVE_SECONDS = 2.0

EXCEPTION_DETAIL = "mapping it breaks off ({error!r}); the log has the traceback"

#: A delivery that mapping broke on, and how.
Broken = tuple[ClaimedDelivery, Exception]


class Mapper:
    """Maps in `threads` threads; `on_mapped` is called with each delivery's source and seconds."""

    def __init__(
        self,
        database: Database,
        *,
        threads: int,
        oldest_days: int | None,
        on_mapped: Callable[[str, float], None],
    ) -> None:
        self._database = database
        self._oldest_days = oldest_days
        self._on_mapped = on_mapped
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="mapper")

    async def map(
        self, claimed: Sequence[ClaimedDelivery], mappings: MappingSet
    ) -> tuple[list[MappedDelivery], list[Broken]]:
        """Map the first of these, a slice of them, in a thread: no heartbeat waits for it."""
        loop = asyncio.get_running_loop()
        mapping = loop.run_in_executor(self._threads, self._map_slice, claimed, mappings)
        while True:
            done, _ = await asyncio.wait([mapping], timeout=KEEP_ALIVE_SECONDS)
            if done:
                return mapping.result()
            await claims.keep_alive(self._database, [delivery.id for delivery in claimed])

    def close(self) -> None:
        """Begin no further slice, and wait for none: a mapping under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _map_slice(
        self, claimed: Sequence[ClaimedDelivery], mappings: MappingSet
    ) -> tuple[list[MappedDelivery], list[Broken]]:
        mapped: list[MappedDelivery] = []
        broken: list[Broken] = []
        outcomes = 0
        began = time.monotonic()
        for delivery in claimed:
            before = time.monotonic()
            if outcomes >= SLICE_OUTCOMES or before - began >= SLICE_SECONDS:
                break
            try:
                result = mappings.map(delivery_input(delivery, oldest_days=self._oldest_days))
            except Exception as error:  # noqa: BLE001 - a bug met by one row is that row's alone
                broken.append((delivery, error))
            else:
                mapped.append(MappedDelivery(delivery, result, mappings.digest))
                outcomes += len(result.outcomes)
            self._on_mapped(delivery.source, time.monotonic() - before)
        return mapped, broken


def delivery_input(claimed: ClaimedDelivery, *, oldest_days: int | None) -> DeliveryInput:
    """The delivery as the mapping sees it."""
    return DeliveryInput(
        source=claimed.source,
        body=claimed.body,
        headers=claimed.headers,
        received_at=claimed.received_at,
        judged_at=claimed.claimed_at,
        vendor_id=claimed.vendor_id,
        oldest_days=oldest_days,
        redacted=claimed.redacted,
    )


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
