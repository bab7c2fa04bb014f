"""The settings, database and mappings of a command; each opened when needed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import cached_property
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from jobs.common.errors import is_transient
from jobs.intake.pairing import read_learnt
from jobs.mapping_store import (
    NOTHING_STORED,
    NoMappingsInForce,
    Stored,
    mappings_in_force,
    read_stored,
)
from jobs.storage.database import Database, open_database
from jobs.storage.revision import schema_is_current
from jobs.storage.sqlite import BUSY_SECONDS
from jobs.timezone import stored_timezone
from mappings.engine.common.suggest import hint
from mappings.engine.loading.load import MappingSet, Source, is_mapping, load, read_directory
from receiver.cli.common.errors import BEGIN, MISUSE, CommandError
from receiver.cli.common.installation import settings_here
from receiver.config.data_dir import DEMO, is_demo
from receiver.config.settings import DEFAULT_MAPPINGS, Settings
from receiver.signatures import RULES, Scheme, SchemeInvalid, scheme_of
from receiver.sources.secrets import Secrets, secrets_of
from receiver.terminal.output import Output

P = ParamSpec("P")
R = TypeVar("R")

#: How long a patient session waits for each transaction.
PATIENCE_SECONDS = 60.0

_MIGRATE = "make it with `receiver migrate` (`receiver up` does so by itself)"


class NoDatabaseYet(CommandError):
    """There is no database, or it lacks this version's tables."""


class Session:
    """The installation as one command sees it.

    A `patient` one is for what takes several transactions beside busy workers: it asks for SQLite's
    one write lock more often than they do, and waits longer for it.
    """

    def __init__(self, settings: Settings | None = None, *, patient: bool = False) -> None:
        _keep_logs_off_stdout()
        self.settings = settings or settings_here()
        self._is_patient = patient

    @cached_property
    def secrets(self) -> Secrets:
        """The secrets of sources, from where the web process has them.

        Where the database does not answer, or cannot be read, without those that vendors sent.
        """
        found, nothing = secrets_of(self.settings), dict[str, str]()
        try:
            found.learn(self.run_if_made(read_learnt, otherwise=nothing))
        except Exception as error:
            if not is_transient(error) and not isinstance(error, DBAPIError):
                raise
        return found

    @cached_property
    def timezone(self) -> str:
        """The name of the zone that days and months are in: the database's, whatever is set here.

        Where there is no database, or it does not answer, what is set here.
        """
        stored, wanted = self._stored_timezone(), self.settings.timezone
        if stored and wanted and stored != wanted:
            Output().say(f"days and months are in {stored}, not in RECEIVER_TIMEZONE={wanted}")
        return stored or self.settings.timezone_name

    @property
    def zone(self) -> ZoneInfo:
        """The zone that days and months are in."""
        return ZoneInfo(self.timezone)

    def run(
        self,
        work: Callable[Concatenate[Database, P], Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Do `work` on the migrated database and close it again. Raises NoDatabaseYet."""

        async def run() -> R:
            refuse_missing_file(self.settings)
            database = open_database(
                self.settings.database,
                pool_size=2,
                eager=self._is_patient,
                busy_seconds=PATIENCE_SECONDS if self._is_patient else BUSY_SECONDS,
            )
            try:
                if not await schema_is_current(database):
                    raise NoDatabaseYet(f"the database lacks this version's tables; {_MIGRATE}")
                return await work(database, *args, **kwargs)
            finally:
                await database.close()

        return asyncio.run(run())

    def run_if_made(self, work: Callable[[Database], Awaitable[R]], *, otherwise: R) -> R:
        """Like `run`, but returns `otherwise` if there is no database yet."""
        try:
            return self.run(work)
        except NoDatabaseYet:
            return otherwise

    def mappings(self) -> MappingSet:
        """The mappings as a worker has them: an invalid file stays at its last valid version."""
        return self._load(self.run_if_made(read_stored, otherwise=NOTHING_STORED))

    def mappings_in_force(self) -> MappingSet:
        """The mappings and the zone that the running service has in force, for what corrects money.

        CommandError where this shell is set to another zone, or has other mappings at hand; raises
        NoMappingsInForce where no service has run yet.
        """
        stored, wanted = self._stored_timezone(), self.settings.timezone
        if stored is None:
            raise NoMappingsInForce
        if wanted is not None and wanted != stored:
            raise CommandError(
                f"RECEIVER_TIMEZONE is {wanted} here and {stored} in the running service: prices"
                f" would be those of other days. Set RECEIVER_TIMEZONE={stored} or leave it unset",
                code=MISUSE,
            )
        found = self.run(mappings_in_force, timezone=stored, schemes=RULES)
        self._refuse_other_mappings(found)
        return found

    def _refuse_other_mappings(self, in_force: MappingSet) -> None:
        """CommandError where the folder of this shell has mappings that are not those in force.

        An edit may not have been taken up yet, or this is another service's folder.
        """
        try:
            files = read_directory(self.settings.mappings)
        except OSError:
            return
        if any(is_mapping(name) for name in files) and self.mappings().digest != in_force.digest:
            raise CommandError(
                f"the mappings at {self.settings.mappings} are not those that the running service"
                " has in force. If they were edited just now, wait until it has taken them up"
                " (`receiver status`, `receiver check`); if they are another service's, set"
                " RECEIVER_MAPPINGS to the folder of this one",
                code=MISUSE,
            )

    @cached_property
    def edited(self) -> MappingSet:
        """The mappings as they are in the folder, for editing."""
        return self._load(NOTHING_STORED)

    def source(self, name: str) -> Source:
        """A source as it is in the folder; CommandError names its problems."""
        source = self.edited.sources.get(name)
        if source is not None:
            return source
        if name in self.edited.unusable:
            listed = "\n".join(f"  {problem}" for problem in self.edited.problems)
            raise CommandError(f"source {name} cannot be used:\n{listed}")
        raise CommandError(
            f"there is no source {name!r}; {hint(name, sorted(self.edited.sources))}", code=MISUSE
        )

    def scheme(self, source: Source) -> Scheme:
        """How the source signs; CommandError where its file holds what no scheme takes."""
        try:
            return scheme_of(source.verify)
        except SchemeInvalid as error:
            raise CommandError(f"source {source.name}: {error}") from error

    def files(self, folder: Path | None = None) -> dict[str, bytes]:
        """The files of the mappings folder, or another; CommandError if it cannot be read."""
        where = folder or self.settings.mappings
        try:
            return read_directory(where)
        except OSError as error:
            begin = f"; {BEGIN}" if where == DEFAULT_MAPPINGS else ""
            message = f"the mappings at {where} cannot be read: {error.strerror}{begin}"
            raise CommandError(message, code=MISUSE) from error

    def _load(self, stored: Stored) -> MappingSet:
        return load(
            self.files(),
            timezone=self.timezone,
            schemes=RULES,
            last_good=stored.texts,
            history=stored.history,
        )

    def _stored_timezone(self) -> str | None:
        try:
            return self.run_if_made(stored_timezone, otherwise=None)
        except Exception as error:
            if is_transient(error):
                return None
            raise


def _keep_logs_off_stdout() -> None:
    """Send log lines to stderr while a command runs: stdout is for data."""
    if not structlog.is_configured():
        structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def refuse_missing_file(settings: Settings) -> None:
    """Raise NoDatabaseYet for a SQLite file that does not exist: connecting would create it."""
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        stopped = is_demo(settings.data_dir / DEMO)
        hint = "; the demo's is there while `receiver up --demo` runs" if stopped else ""
        is_begun = settings.mappings.is_dir() or settings.mappings != DEFAULT_MAPPINGS
        begin = _MIGRATE if is_begun else BEGIN
        raise NoDatabaseYet(f"there is no database yet at {url.database}; {begin}{hint}")
