"""What the API needs of the process around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from starlette.requests import Request

from jobs.mapping_store import MappingsChanged, mappings_in_force, version_in_force
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet
from receiver.config.settings import Settings
from receiver.signatures import RULES
from receiver.sources.secrets import Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Database, the mappings in force, the zone that days are in, the age limit of outcomes.

    `look` gives those in force once the files as they are now have been looked at; None where there
    is no folder.

    `settings` and `secrets` say what sources are still missing; neither leaves by the API.
    """

    database: Database
    mappings: Callable[[], MappingSet]
    zone: ZoneInfo
    oldest_days: int
    settings: Settings
    secrets: Secrets
    look: Callable[[], Awaitable[MappingSet]] | None = None


async def mappings_named(dependencies: Dependencies, named: str | None) -> MappingSet:
    """The mappings to go by now; raises MappingsChanged where the caller names others.

    Where this process has others than are in force (its folder is another one, or it is behind),
    those in force count, as the database has them.
    """
    mappings = (
        await dependencies.look() if dependencies.look is not None else dependencies.mappings()
    )
    if await version_in_force(dependencies.database) not in (None, mappings.digest):
        mappings = await mappings_in_force(
            dependencies.database, timezone=dependencies.zone.key, schemes=RULES
        )
    if named not in (None, mappings.digest):
        raise MappingsChanged(named=named or "", in_force=mappings.digest)
    return mappings


def dependencies_of(request: Request) -> Dependencies:
    """The dependencies given to `api_routes`."""
    dependencies = request.app.state.dependencies
    assert isinstance(dependencies, Dependencies)  # noqa: S101 - set in api_routes, nowhere else
    return dependencies
