"""The texts behind what bills, kept so that every charge can be explained years later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.ledger.owing import Step
from jobs.storage.database import Database
from jobs.storage.schema import mapping_versions
from mappings.engine.types import VersionText


def versions_of(steps: Iterable[Step]) -> set[str]:
    """The versions of the mappings and catalogues behind what these steps record."""
    return {
        version
        for outcome in (step.outcome for step in steps)
        for version in (outcome.provenance.mapping_version, outcome.terms.price_version)
        if version is not None
    }


async def keep_versions(
    database: Database,
    connection: AsyncConnection,
    used: Set[str],
    versions: Mapping[str, VersionText],
    now: datetime,
) -> None:
    """Keep the texts of these versions, with the tables they look things up in, where missing."""
    wanted = set(used)
    for version in used:
        wanted.update(versions[version].parts.values())
    if not wanted:
        return
    await connection.execute(
        database.insert_or_skip(mapping_versions),
        [
            {
                "version": version,
                "kind": versions[version].kind,
                "name": versions[version].name,
                "text": versions[version].text,
                "parts": dict(versions[version].parts),
                "first_used_at": now,
            }
            for version in sorted(wanted)
        ],
    )
