"""What the service has, read from its tables by plain SQL and from none of its own reports."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tests.jobs.model import Line, ModelOutcome

#: Bodies are read so many at a time: a run's would not fit into memory at once.
PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as it stands. `body_sha256` is of the bytes that are kept, worked out here."""

    id: str
    source: str
    body_sha256: str
    signed_at: int | None
    state: str
    reason: str | None
    duplicates: int
    outcomes: int = 0


@dataclass
class Books:
    """Deliveries, the ledger by key, and the count that intake keeps by itself."""

    rows: list[Row] = field(default_factory=list)
    ledger: dict[str, list[Line]] = field(default_factory=dict)
    accepted: int = 0
    totals: Counter[str] = field(default_factory=Counter)
    #: What an operator had recorded of each key, in the order in which it was done.
    by_hand: dict[str, list[ModelOutcome]] = field(default_factory=dict)


async def read(engine: AsyncEngine) -> Books:
    """Everything that is judged; no one may be settling meanwhile."""
    books = Books()
    async with engine.connect() as connection:
        books.rows = await _rows(connection)
        books.ledger = await _ledger(connection)
        books.by_hand = await _by_hand(connection)
        accepted = await connection.scalar(text("SELECT sum(accepted) FROM intake"))
        books.accepted = int(accepted or 0)
        totals = await connection.execute(
            text("SELECT currency, sum(amount_micros) FROM billing_events GROUP BY currency")
        )
        books.totals = Counter({currency: int(micros) for currency, micros in totals})
    return books


async def _rows(connection: AsyncConnection) -> list[Row]:
    counted = await connection.execute(
        text(
            "SELECT delivery_id, count(*) AS number FROM outcomes WHERE action_id IS NULL"
            " GROUP BY delivery_id"
        )
    )
    outcomes = {row.delivery_id: row.number for row in counted}
    rows: list[Row] = []
    while page := await _page(connection, after=rows[-1].id if rows else "", outcomes=outcomes):
        rows += page
    return rows


async def _page(connection: AsyncConnection, *, after: str, outcomes: dict[str, int]) -> list[Row]:
    found = await connection.execute(
        text(
            "SELECT id, source, body, headers, state, reason, duplicates FROM deliveries"
            " WHERE id > :after ORDER BY id LIMIT :page"
        ),
        {"after": after, "page": PAGE},
    )
    return [
        Row(
            id=row.id,
            source=row.source,
            body_sha256=hashlib.sha256(row.body or b"").hexdigest(),
            signed_at=_signed_at(row.headers),
            state=row.state,
            reason=row.reason,
            duplicates=row.duplicates,
            outcomes=outcomes.get(row.id, 0),
        )
        for row in found
    ]


def _signed_at(headers: str | dict[str, str]) -> int | None:
    """SQLite gives JSON as text, and PostgreSQL decoded."""
    kept = json.loads(headers) if isinstance(headers, str) else headers
    stamp = kept.get("x-crm-timestamp")
    return None if stamp is None else int(stamp)


async def _ledger(connection: AsyncConnection) -> dict[str, list[Line]]:
    found = await connection.execute(
        text(
            "SELECT outcome_key, id, sequence, kind, reverses, amount_micros, currency,"
            " customer_id, occurred_at FROM billing_events ORDER BY outcome_key, sequence"
        )
    )
    ledger: dict[str, list[Line]] = defaultdict(list)
    for key, *line, occurred_at in found:
        ledger[key].append(replace(Line(*line), at=_seconds(occurred_at)))
    return dict(ledger)


def _seconds(occurred_at: str | datetime) -> int:
    """SQLite gives times as text of UTC."""
    if isinstance(occurred_at, str):
        occurred_at = datetime.fromisoformat(occurred_at).replace(tzinfo=UTC)
    return int(occurred_at.timestamp())


async def _by_hand(connection: AsyncConnection) -> dict[str, list[ModelOutcome]]:
    found = await connection.execute(
        text(
            "SELECT outcome_key, kind, occurred_at, amount_micros FROM outcomes"
            " WHERE action_id IS NOT NULL ORDER BY outcome_key, ordinal"
        )
    )
    by_hand: dict[str, list[ModelOutcome]] = defaultdict(list)
    for key, kind, at, micros in found:
        by_hand[key].append(ModelOutcome(kind, _moment(at), micros, by_hand=True))
    return dict(by_hand)


def _moment(at: str | datetime | None) -> float | None:
    """To the microsecond: an operator does one thing after another within a second."""
    if isinstance(at, str):
        at = datetime.fromisoformat(at).replace(tzinfo=UTC)
    return None if at is None else at.timestamp()


async def settled_among(engine: AsyncEngine, ids: list[str]) -> set[str]:
    """Those of these deliveries that are no longer on their way."""
    named = ",".join(f"'{one}'" for one in ids)
    async with engine.connect() as connection:
        found = await connection.execute(
            text(f"SELECT id FROM deliveries WHERE state <> 'received' AND id IN ({named})")  # noqa: S608 -- ids that the service gave us
        )
        return set(found.scalars())


async def waiting(engine: AsyncEngine) -> int:
    """How many deliveries are still on their way, acknowledged or not."""
    async with engine.connect() as connection:
        found = await connection.scalar(
            text("SELECT count(*) FROM deliveries WHERE state = 'received'")
        )
        return int(found or 0)


async def is_amid_settling(engine: AsyncEngine, *, seconds: float) -> bool:
    """Wait so long for a delivery that is taken up and not settled yet; whether there was one."""
    deadline = time.monotonic() + seconds
    async with engine.connect() as connection:
        while time.monotonic() < deadline:
            found = await connection.scalar(
                text("SELECT count(*) FROM deliveries WHERE state = 'received' AND attempts > 0")
            )
            await connection.rollback()  # a transaction of ours would see nothing new
            if found:
                return True
            await asyncio.sleep(0.01)
    return False


async def read_open_replays(engine: AsyncEngine) -> int:
    """How many replays have not come to their end."""
    async with engine.connect() as connection:
        found = await connection.scalar(text("SELECT count(*) FROM replays WHERE state <> 'done'"))
        return int(found or 0)
