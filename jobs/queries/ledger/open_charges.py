"""Charges of a rule that nothing has taken back, by the text that they were billed by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select

from jobs.ledger.repository import IS_OPEN
from jobs.storage.database import Database
from jobs.storage.schema import billing_events, mapping_versions, outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCharges:
    """How many a rule has by one text of its file, in one currency, and their sum."""

    rule: str
    file: str
    text: str
    currency: str
    count: int
    amount_micros: int


async def read_open_charges(
    database: Database, source: str, rules: Collection[str]
) -> list[OpenCharges]:
    """Those of these rules of a source; what was billed by no text is left out."""
    decided, lines, texts = outcomes.c, billing_events.c, mapping_versions.c
    by = (decided.rule, texts.name.label("file"), texts.text, lines.currency)
    micros = func.sum(lines.amount_micros).label("amount_micros")
    query = (
        select(*by, func.count().label("count"), micros)
        .select_from(billing_events)
        .join(outcomes, decided.id == lines.outcome_id)
        .join(mapping_versions, texts.version == lines.mapping_version)
        .where(
            decided.source == source,
            decided.rule.in_(rules),
            lines.kind == "charge",
            IS_OPEN,
        )
        .group_by(*by)
        .order_by(*by)
    )
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings()
        return [OpenCharges(**{**row, "amount_micros": int(row["amount_micros"])}) for row in rows]
