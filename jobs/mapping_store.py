"""The mappings that the running service has in force, as the database has them.

Owns reading them: the text of each file in force, and the set that these texts make. Refuses the
folder: a shell may have another one, and what corrects money must map as the service does.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from jobs.database import Database
from jobs.errors import JobsError
from jobs.schema import mapping_files
from mappings.load import MappingSet, SchemeRules, load_accepted


class NoMappingsInForce(JobsError):
    """The database has no mappings in force: no service has run on it yet; start `receiver up`."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


async def recall(database: Database) -> dict[str, bytes]:
    """The text in force of each mapping file, table and catalogue, by its name in the folder."""
    async with database.read() as connection:
        found = await connection.execute(select(mapping_files.c.name, mapping_files.c.text))
        return {name: bytes(text) for name, text in found}


async def mappings_in_force(
    database: Database, *, timezone: str, schemes: SchemeRules
) -> MappingSet:
    """The set that the running service maps with; its `digest` is the `mapping_version`.

    `timezone` is the zone kept in the database. Raises NoMappingsInForce where no service has
    recorded a set.
    """
    texts = await recall(database)
    if not texts:
        raise NoMappingsInForce
    return await asyncio.to_thread(load_accepted, texts, timezone=timezone, schemes=schemes)
