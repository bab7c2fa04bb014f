"""Which rules have billed, and the text of their file when each last did."""

from __future__ import annotations

from sqlalchemy import func, select

from jobs.database import Database
from jobs.schema import mapping_versions, outcomes
from mappings.rekeying import Billed


async def read_billed_rules(database: Database) -> list[Billed]:
    """One for each source and rule that a delivery's charge was recorded of, by name."""
    said = outcomes.c
    latest = (
        select(
            said.source,
            said.rule,
            said.mapping_version,
            func.row_number()
            .over(
                partition_by=(said.source, said.rule),
                order_by=(said.recorded_at.desc(), said.id.desc()),
            )
            .label("place"),
        )
        .where(said.kind == "charge", said.mapping_version.is_not(None))
        .subquery()
    )
    texts = mapping_versions.c
    query = (
        select(latest.c.source, latest.c.rule, texts.name, texts.text)
        .join_from(latest, mapping_versions, texts.version == latest.c.mapping_version)
        .where(latest.c.place == 1)
        .order_by(latest.c.source, latest.c.rule)
    )
    async with database.read() as connection:
        rows = await connection.execute(query)
        return [
            Billed(source=source, rule=rule, file=name, text=text)
            for source, rule, name, text in rows
        ]
