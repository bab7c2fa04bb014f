"""The mappings in force: loaded, watched, and remembered while they were good.

Owns reloading (an edit takes effect within 3 s, without restart) and the last good text of each
file in the database, so that a bad edit costs only itself, also over a restart. Refuses a bad
set at a first start, when there is nothing good to go on with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy import delete

from jobs.database import Database
from jobs.errors import JobsError, brief, is_transient
from jobs.mapping_store import recall
from jobs.schema import mapping_files
from mappings.load import MappingSet, SchemeRules, load, read_directory
from mappings.types import Problem

log = structlog.get_logger(__name__)

#: How often the folder is read. A file that vanished is believed at the second look only,
#: since editors and deployments replace files by way of a moment without them.
LOOK_SECONDS = 1.0
#: An edit counts once it reads the same again after this: half of a file may be a good one, and
#: bill without what its second half says.
STEADY_SECONDS = 0.3


class MappingsRefused(JobsError):
    """The mappings have errors and there is no earlier good set to go on with."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class MappingWatch:
    """Holds the current `MappingSet`; `current` is replaced as a whole, never changed."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        timezone: str,
        schemes: SchemeRules,
        on_change: Callable[[MappingSet], None] | None = None,
    ) -> None:
        self._database = database
        self._folder = folder
        self._timezone = timezone
        self._schemes = schemes
        self._on_change = on_change
        self._seen: Mapping[str, bytes] = {}
        self._missed: frozenset[str] = frozenset()
        self._to_remember: MappingSet | None = None
        self._good: dict[str, bytes] = {}
        self._current: MappingSet | None = None
        self._looking = asyncio.Lock()

    @property
    def current(self) -> MappingSet:
        """The mappings in force now. Raises RuntimeError before `start`."""
        if self._current is None:
            message = "the mappings were asked for before they were loaded"
            raise RuntimeError(message)
        return self._current

    async def start(self, *, strict: bool = False) -> MappingSet:
        """Load the folder.

        Raises MappingsRefused where it has errors and `strict` is set or nothing good is
        remembered, and OSError where the folder cannot be read.
        """
        self._good = await recall(self._database)
        files = await asyncio.to_thread(read_directory, self._folder)
        current = await asyncio.to_thread(self._load, files)
        if current.problems and (strict or not self._good):
            raise MappingsRefused(current.problems)
        self._seen = files
        await self._adopt(current)
        return current

    async def run(self) -> None:
        """Watch until cancelled. An unreadable folder or database leaves things as they are."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look_and_tell()

    async def look_for(self, sources: Set[str]) -> None:
        """Look again at once where one of these is not known.

        The web process may have taken a new source in before this one has seen its file.
        """
        if sources - self.current.sources.keys() - self.current.unusable:
            await self._look_and_tell()

    async def _look_and_tell(self) -> None:
        """One look; what goes wrong with it is logged and never leaves here."""
        try:
            async with self._looking:
                await self._look()
        except Exception as error:
            if isinstance(error, OSError) or is_transient(error):
                log.warning("mappings.unreadable", error=brief(error))
            else:
                log.exception("mappings.fault")

    async def _look(self) -> None:
        if self._to_remember is not None:
            await self._remember(self._to_remember)
        files = await asyncio.to_thread(read_directory, self._folder)
        missing = frozenset(self._seen.keys() - files.keys())
        if missing - self._missed:
            self._missed = missing
            return
        self._missed = frozenset()
        if files != self._seen and await self._reads_again(files):
            current = await asyncio.to_thread(self._load, files)
            self._seen = files
            await self._adopt(current)

    async def _reads_again(self, files: Mapping[str, bytes]) -> bool:
        """Whether nobody is writing any more; if somebody is, the next look sees what it became."""
        await asyncio.sleep(STEADY_SECONDS)
        return await asyncio.to_thread(read_directory, self._folder) == files

    def _load(self, files: Mapping[str, bytes]) -> MappingSet:
        return load(files, timezone=self._timezone, schemes=self._schemes, last_good=self._good)

    async def _adopt(self, current: MappingSet) -> None:
        """Put the set in force, then remember what is good of it."""
        self._current = current
        for problem in current.problems:
            log.error("mappings.rejected", problem=str(problem))
        log.info("mappings.loaded", sources=sorted(current.sources), stale=sorted(current.stale))
        if self._on_change is not None:
            self._on_change(current)
        self._to_remember = current
        try:
            await self._remember(current)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("mappings.not_remembered", error=brief(error))

    async def _remember(self, current: MappingSet) -> None:
        """Keep the good texts; forget files that are gone."""
        changed = {
            name: text for name, text in current.good.items() if self._good.get(name) != text
        }
        gone = self._good.keys() - current.good.keys() - current.stale
        if changed or gone:
            async with self._database.write() as connection:
                for name, text in sorted(changed.items()):
                    row = {"name": name, "text": text, "updated_at": datetime.now(UTC)}
                    await connection.execute(
                        self._database.upsert(mapping_files, key=["name"], values=row)
                    )
                if gone:
                    await connection.execute(
                        delete(mapping_files).where(mapping_files.c.name.in_(gone))
                    )
        self._good = {**{n: t for n, t in self._good.items() if n not in gone}, **changed}
        self._to_remember = None
