"""Secrets on their way out: which one is still in use shortly before it ends.

Owns that decision, from what the mappings say and what has been counted, and saying so. Refuses
to know values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from jobs.common.tasks import every
from jobs.queries.sources.traffic import SecretUse, read_uses
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet, Source

log = structlog.get_logger(__name__)

#: How long before its end a secret that is still used is warned of.
SHORTLY = timedelta(days=7)
#: A secret used in this time is in use, also where another one was used since.
IN_USE = timedelta(days=1)
LOOK_SECONDS = 60.0

Uses = Mapping[str, SecretUse]


@dataclass(frozen=True, slots=True, order=True)
class Ending:
    """A secret that is still used and ends soon, or has ended."""

    source: str
    secret: str
    ends: datetime
    has_ended: bool

    def __str__(self) -> str:
        tail = "exchange it at the vendor"
        if self.has_ended:
            return f"{self.secret} ended at {self.ends:%Y-%m-%d %H:%M}Z while it was in use; {tail}"
        return f"{self.secret} is still used and ends at {self.ends:%Y-%m-%d %H:%M}Z; {tail}"


def still_used(mappings: MappingSet, uses: Mapping[str, Uses], now: datetime) -> list[Ending]:
    """Every secret of `mappings` that is in use and ends within `SHORTLY`, or has ended so."""
    return [
        ending
        for name, source in sorted(mappings.sources.items())
        for ending in endings_of(source, uses.get(name, {}), now)
    ]


def endings_of(source: Source, uses: Uses, now: datetime) -> Iterator[Ending]:
    """Those of one source, in the order in which it names them."""
    latest = max((use.last_used_at for use in uses.values()), default=now)
    for secret in source.secrets:
        ends = source.secret_ends.get(secret)
        if ends is None or ends - now > SHORTLY or secret not in uses:
            continue
        has_ended = ends <= now
        just_used = now - uses[secret].last_used_at <= IN_USE and not has_ended
        if just_used or uses[secret].last_used_at == latest:
            yield Ending(source.name, secret, ends.astimezone(UTC), has_ended)


async def warn_of_endings(current: Callable[[], MappingSet], database: Database) -> None:
    """Log each such secret once, and again when it has ended; until cancelled."""
    logged: set[Ending] = set()

    async def look() -> None:
        nonlocal logged
        endings = set(await endings_now(current(), database))
        for ending in sorted(endings - logged):
            log.warning("secret.ending", source=ending.source, detail=str(ending))
        logged = endings

    await every("rotation", LOOK_SECONDS, look)


async def endings_now(mappings: MappingSet, database: Database) -> list[Ending]:
    """Every secret that is still used shortly before its end, or was when it ended."""
    if not any(source.secret_ends for source in mappings.sources.values()):
        return []
    return still_used(mappings, await read_uses(database), datetime.now(UTC))
