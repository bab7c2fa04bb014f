"""What deliveries billed: `recorded` means that outcomes were decided, not that they cost anything.

Owns the words for a delivery that billed nothing. Sums are by currency, never across.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select

from jobs.common.money import money
from jobs.common.states import SHADOW, DeliveryState
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from jobs.storage.schema import billing_events, outcomes

#: Why a recorded outcome posted nothing, the first that applies.
_POSTED_NOTHING = {
    "duplicate": "already billed",
    "waiting": "waits for its charge",
    "superseded": "superseded",
}
#: Why a delivery in this state has billed nothing.
_OF_STATES: Mapping[str, str] = {
    DeliveryState.RECEIVED: "nothing yet",
    DeliveryState.FAILED: "nothing yet",
    DeliveryState.IGNORED: "ignored",
    DeliveryState.DISCARDED: "discarded",
}


@dataclass(slots=True)
class Billed:
    """What one delivery posted: `micros` by currency, and how many outcomes had which verdict."""

    micros: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)


async def read_billed(database: Database, ids: Sequence[str]) -> dict[str, Billed]:
    """What these deliveries posted themselves; corrections by hand are not theirs."""
    billed = {delivery_id: Billed() for delivery_id in ids}
    lines, decided = billing_events.c, outcomes.c
    async with database.snapshot() as connection:
        for chunk in chunks(ids):
            sums = await connection.execute(
                select(lines.delivery_id, lines.currency, func.sum(lines.amount_micros))
                .join(outcomes, decided.id == lines.outcome_id)
                .where(lines.delivery_id.in_(chunk), decided.action_id.is_(None))
                .group_by(lines.delivery_id, lines.currency)
            )
            for delivery, currency, micros in sums:
                billed[delivery].micros[currency] += int(micros)
            verdicts = await connection.execute(
                select(decided.delivery_id, decided.verdict, func.count())
                .where(decided.delivery_id.in_(chunk), decided.action_id.is_(None))
                .group_by(decided.delivery_id, decided.verdict)
            )
            for delivery, verdict, count in verdicts:
                billed[delivery].verdicts[verdict] += count
    return billed


def in_words(billed: Billed, *, state: str, reason: str | None) -> str:
    """The amounts, or why there is none."""
    if billed.micros:
        return amounts(billed.micros)
    if state == DeliveryState.IGNORED and reason == SHADOW:
        return SHADOW
    if state != DeliveryState.RECORDED:
        return _OF_STATES[state]
    words = (text for verdict, text in _POSTED_NOTHING.items() if billed.verdicts[verdict])
    return next(words, "nothing")


def amounts(micros: Mapping[str, int]) -> str:
    """`-400.00 EUR, 12.00 USD`: one figure a currency."""
    return ", ".join(f"{money(sum_)} {currency}" for currency, sum_ in sorted(micros.items()))


def total(several: Iterable[Billed]) -> Counter[str]:
    """The sums of all of them, by currency; a currency of which nothing is left stays, as 0."""
    sums: Counter[str] = Counter()
    for billed in several:
        sums.update(billed.micros)
    return sums


async def billed_lately(database: Database, *, seconds: float) -> tuple[int, dict[str, int]]:
    """How many lines were recorded in the last `seconds`, and their sums by currency."""
    columns = billing_events.c
    query = (
        select(columns.currency, func.count(), func.sum(columns.amount_micros))
        .where(columns.recorded_at >= database.now(plus_seconds=-seconds))
        .group_by(columns.currency)
    )
    async with database.read() as connection:
        rows = (await connection.execute(query)).all()
    return sum(row[1] for row in rows), {row[0]: int(row[2]) for row in rows}
