"""The mappings in force: loaded, watched, and checked against what has billed.

Owns reloading (an edit takes effect within 3 s, without restart) and that a bad edit affects only
its own source, also over a restart: that source keeps the text stored in the database. An edit that
would bill again what has billed is bad. Refuses to put in force what cannot be checked: while the
database is away nothing changes. Refuses a bad set at a first start, when no good one is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import structlog

from jobs.common.errors import JobsError
from jobs.common.tasks import attempt, every
from jobs.mapping_store import Stored, accept, read_stored
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet, SchemeRules, load, read_directory
from mappings.engine.types import FileProblem

log = structlog.get_logger(__name__)

#: How often the folder is read. A missing file counts at the second look only: editors and
#: deployments replace files by deleting and writing them.
LOOK_SECONDS = 1.0
#: An edit counts once it reads the same again after this: half of a file may be valid, and bill
#: without the rules of its second half.
STEADY_SECONDS = 0.3


class MappingsRefused(JobsError):
    """The mappings have errors and no earlier good set is stored."""

    def __init__(self, problems: Sequence[FileProblem]) -> None:
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
        self._current: MappingSet | None = None
        self._looking = asyncio.Lock()
        self._is_outdated = False
        self._holds = 0

    @property
    def current(self) -> MappingSet:
        """The mappings in force now. Raises RuntimeError before `start`."""
        if self._current is None:
            message = "the mappings were read before they were loaded"
            raise RuntimeError(message)
        return self._current

    async def start(self, *, strict: bool = False) -> MappingSet:
        """Load the folder.

        Raises MappingsRefused where it has errors and `strict` is set or nothing good is
        remembered, and OSError where the folder cannot be read.
        """
        files = await asyncio.to_thread(read_directory, self._folder)

        def refuse(current: MappingSet, stored: Stored) -> None:
            if current.problems and (strict or not stored.texts):
                raise MappingsRefused(current.problems)

        current = await self._accepted(files, refuse)
        self._seen = files
        self._adopt(current)
        return current

    async def run(self) -> None:
        """Watch until cancelled. An unreadable folder or database changes nothing."""
        await every("mappings", LOOK_SECONDS, self._look, pause_first=True)

    async def look_for(self, sources: Set[str]) -> None:
        """Look again at once where one of these is not known.

        The web process may have taken a new source in before this one has seen its file.
        """
        if sources - self.current.sources.keys() - self.current.unusable:
            await attempt("mappings", self._look)

    async def look_now(self) -> MappingSet:
        """The mappings in force once the files as they are now have been looked at."""
        await attempt("mappings", partial(self._look, confirms_missing=False))
        return self.current

    def reconsider(self) -> None:
        """Check the files again at the next look: the database has other mappings in force."""
        self._is_outdated = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Put no edit in force in this process for as long as the context lasts."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    async def _look(self, *, confirms_missing: bool = True) -> None:
        async with self._looking:
            if not self._holds:
                await self._reload(confirms_missing=confirms_missing)

    async def _reload(self, *, confirms_missing: bool) -> None:
        files = await asyncio.to_thread(read_directory, self._folder)
        missing = frozenset(self._seen.keys() - files.keys())
        if missing and not confirms_missing:
            return
        if missing - self._missed:
            self._missed = missing
            return
        self._missed = frozenset()
        edited = files != self._seen and await self._reads_again(files)
        if not edited and not self._is_outdated:
            return
        judged = files if edited else self._seen
        current = await self._accepted(judged)
        if not self._holds:
            self._is_outdated = False
            self._seen = judged
            self._adopt(current)

    async def _reads_again(self, files: Mapping[str, bytes]) -> bool:
        """Whether the files are written to the end; else the next look sees what they became."""
        await asyncio.sleep(STEADY_SECONDS)
        return await asyncio.to_thread(read_directory, self._folder) == files

    async def _accepted(
        self,
        files: Mapping[str, bytes],
        refuse: Callable[[MappingSet, Stored], None] = lambda _current, _stored: None,
    ) -> MappingSet:
        """What these files put in force; judged again where that has changed meanwhile."""
        while True:
            stored = await read_stored(self._database)
            current = await asyncio.to_thread(
                load,
                files,
                timezone=self._timezone,
                schemes=self._schemes,
                last_good=stored.texts,
                history=stored.history,
            )
            refuse(current, stored)
            if await accept(self._database, stored, current):
                return current

    def _adopt(self, current: MappingSet) -> None:
        """Use the set from here on, which the database has in force."""
        self._current = current
        for problem in current.problems:
            log.error("mappings.rejected", problem=str(problem))
        for warning in current.warnings:
            log.warning("mappings.warning", warning=str(warning))
        log.info(
            "mappings.loaded",
            version=current.digest,
            sources=sorted(current.sources),
            stale=sorted(current.stale),
        )
        if self._on_change is not None:
            self._on_change(current)
