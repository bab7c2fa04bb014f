"""Purging a customer in a workshop, and looking for what is left of it."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from jobs.privacy.keys import LEDGER
from jobs.privacy.purge import purge, survey
from jobs.privacy.purge_report import PurgeReport
from jobs.storage.schema import (
    metadata,
)
from tests.jobs.workshop import Workshop

NOT_FOR_TEXTS = {"mapping_files", "mapping_versions"}


def key(*values: str, scope: str | None = None) -> str:
    head = [scope, ""] if scope else ["crm", "resolved"]
    return json.dumps([*head, *values], separators=(",", ":"), ensure_ascii=False)


async def settled(workshop: Workshop, *bodies: bytes, source: str = "crm") -> list[str]:
    ids = await workshop.post(*bodies, source=source)
    await (await workshop.settler()).settle(ids)
    return ids


async def purged(workshop: Workshop, customer: str = "acme", **more: Any) -> PurgeReport:
    found = await survey(workshop.database, customer)
    return await purge(workshop.database, customer, found, actor="ada", **more)


async def everywhere(workshop: Workshop, word: str) -> list[str]:
    """Every table and column that has the word in it, mapping texts left out."""
    found = []
    for table in metadata.sorted_tables:
        if table.name in NOT_FOR_TEXTS:
            continue
        for row in await workshop.all(select(table)):
            for column, value in row._mapping.items():
                text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                if word in text:
                    found.append(f"{table.name}.{column}: {text}")
    return found


async def sums(workshop: Workshop) -> list[tuple[Any, ...]]:
    """All that a purge may not change, of every line of the ledger and every outcome."""
    found = []
    for table in LEDGER:
        fixed = [c for c in table.c if c.name not in ("customer_id", "outcome_key", "meta_tags")]
        found += [tuple(row) for row in await workshop.all(select(*fixed).order_by(table.c.id))]
    return found
