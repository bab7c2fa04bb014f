"""The web process, put together: the one place that knows all parts.

Owns the order of starting and stopping. Refuses to decide anything itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from jobs.alerts.dispatcher import AlertDispatcher
from jobs.common.errors import JobsError, is_transient
from jobs.common.tasks import every, in_background, within
from jobs.heartbeat import Heartbeat, mappings_health
from jobs.intake import pairing
from jobs.intake.group_commit import CONNECTIONS, Inbox, open_for_intake
from jobs.intake.rejections import RejectionBook
from jobs.intake.secret_uses import SecretUses
from jobs.mapping_watch import MappingWatch
from jobs.queue.doorbell import Doorbell
from jobs.storage.database import assert_durable, open_database
from jobs.storage.revision import schema_is_current
from mappings.engine.loading.load import MappingSet
from receiver.alerting.sender import sender_of
from receiver.api import api_routes
from receiver.api.answers import HANDLERS, on_http_exception
from receiver.api.dependencies import Dependencies
from receiver.config.settings import Settings
from receiver.health.check import CheckContext
from receiver.health.collector import DatabaseCounts
from receiver.health.metrics import Metrics
from receiver.health.routes import health_routes
from receiver.health.runner import HealthRunner
from receiver.signatures import RULES
from receiver.sources.clock_lag import ClockLags
from receiver.sources.registry import KnownSource, known_sources, without_public_url
from receiver.sources.rotation import warn_of_endings
from receiver.sources.secret_problems import missing_secrets, secret_problems
from receiver.sources.secrets import Secrets, secrets_of
from receiver.web.body_budget import Budget
from receiver.web.endpoint import WebhookEndpoint
from receiver.web.handshakes import Handshakes
from receiver.web.misrouted import Misrouted
from receiver.web.preconditions import Limits
from receiver.web.rejections import Rejections

log = structlog.get_logger(__name__)

#: Connections to PostgreSQL in all.
MOST_CONNECTIONS = 10
#: After requests under way have been answered, the last counts and the good-byes have this long.
LAST_SECONDS = 1.0
#: How often files with secrets are looked at.
SECRETS_SECONDS = 1.0


class DatabaseOutdated(JobsError):
    """The database does not have the tables of this version; run `receiver migrate` first."""


class WebProcess:
    """The parts of a web process and how they live together.

    `strict` refuses mappings with any problem at the start. `stop` is set where the process
    cannot go on.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        secrets: Secrets,
        strict: bool = False,
        stop: asyncio.Event | None = None,
    ) -> None:
        self._stop = stop or asyncio.Event()
        self._settings = settings
        self._secrets = secrets
        self._learnt: Mapping[str, str] = {}
        self._strict = strict
        self._sources: dict[str, KnownSource] = {}
        self.metrics = Metrics()
        self.database = open_database(settings.database, pool_size=MOST_CONNECTIONS - CONNECTIONS)
        self._for_intake = open_for_intake(settings.database)
        self.doorbell = Doorbell(settings.redis)
        self.inbox = Inbox(self._for_intake, self.doorbell.ring)
        self.rejections = RejectionBook(self.database)
        self._on_rejection = Rejections(self.metrics, self.rejections.add)
        self.misrouted = Misrouted(
            sources=lambda: self._sources,
            base=settings.webhooks_url,
            on_rejection=self._on_rejection,
        )
        self.uses = SecretUses(self.database)
        self.clock_lags = ClockLags()
        self.watch = MappingWatch(
            self.database,
            settings.mappings,
            timezone=settings.timezone_name,
            schemes=RULES,
            on_change=self._adopt,
        )
        self.health = HealthRunner(self._context, self._can_commit)
        self._heartbeat = Heartbeat(self._for_intake, role="web", detail=self._detail)

    def routes(self) -> list[BaseRoute]:
        """Every path that this process answers."""
        parts = Dependencies(
            database=self.database,
            mappings=lambda: self.watch.current,
            look=self.watch.look_now,
            zone=ZoneInfo(self._settings.timezone_name),
            oldest_days=self._settings.max_outcome_age_days,
            settings=self._settings,
            secrets=self._secrets,
        )
        webhooks = self._webhooks()
        counts = DatabaseCounts(
            self.database,
            self.metrics,
            folder=self._settings.data_dir,
            lags=self.clock_lags,
            mappings=lambda: self.watch.current,
        )
        return [
            Route("/webhooks/{source}", webhooks),
            Route("/webhooks/{source}/", webhooks),
            Route("/webhooks/{source}/{token:path}", webhooks),
            *health_routes(self.health, self.metrics, count=counts.refresh),
            *api_routes(parts, token=self._settings.admin_token, on_refusal=self.misrouted.note),
        ]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start the parts; on leaving, commit what waits and stop them.

        Raises DatabaseUnsuitable, DatabaseOutdated, MappingsRefused, and what the database
        raises while it cannot be reached.
        """
        try:
            await assert_durable(self.database)
            if not await schema_is_current(self.database):
                raise DatabaseOutdated(DatabaseOutdated.__doc__)
            self._learnt = await pairing.read_learnt(self.database)
            self._secrets.learn(self._learnt)
            await self.watch.start(strict=self._strict)
            await self.doorbell.start()
            await self.inbox.start()
            await self._heartbeat.beat()
            parts = dict(
                **self._alerts(),
                mappings=self.watch.run(),
                heartbeat=self._heartbeat.run(),
                secrets=every("secrets", SECRETS_SECONDS, self._read_secrets, pause_first=True),
                rejections=self.rejections.run(),
                uses=self.uses.run(),
                rotation=warn_of_endings(lambda: self.watch.current, self.database),
                health=self.health.run(),
            )
            try:
                async with in_background(parts, stop=self._stop, end_seconds=LAST_SECONDS):
                    yield
            finally:
                await self.inbox.close()
                await within(LAST_SECONDS, self._write_last())
        finally:
            await asyncio.gather(self.database.close(), self._for_intake.close())

    def _alerts(self) -> dict[str, Coroutine[None, None, None]]:
        """The alerts, where they are on: here too, as workers may be missing."""
        sender = sender_of(self._settings)
        if sender is None:
            return {}
        alerts = AlertDispatcher(self.database, sender.post, mappings=lambda: self.watch.current)
        return {"alerts": alerts.run()}

    async def _write_last(self) -> None:
        await self.rejections.flush()
        await self.uses.flush()
        await self.doorbell.close()
        await self._heartbeat.stop()

    async def _can_commit(self) -> None:
        await self._heartbeat.beat()
        await self.inbox.ensure_committing()

    def _webhooks(self) -> WebhookEndpoint:
        return WebhookEndpoint(
            sources=lambda: self._sources,
            accept=self.inbox.accept,
            limits=Limits(
                body_bytes=self._settings.body_limit_bytes,
                body_seconds=self._settings.body_timeout_seconds,
                budget=Budget(self._settings.body_budget_bytes),
            ),
            on_rejection=self._on_rejection,
            metrics=self.metrics,
            public_url=self._settings.public_url,
            on_verified=self.uses.add,
            on_signed_time=self.clock_lags.add,
            handshakes=Handshakes(
                partial(pairing.take, self.database, is_in_use=self._secrets.is_kept_elsewhere),
                on_learnt=self._read_secrets,
            ),
            misrouted=self.misrouted,
        )

    def _context(self) -> CheckContext:
        return CheckContext(
            settings=self._settings,
            database=self.database,
            doorbell=self.doorbell,
            secrets=self._secrets,
            mappings=self.watch.current,
        )

    def _adopt(self, mappings: MappingSet) -> None:
        """Put the sources of these mappings in force, with the secrets there are now."""
        self._sources = known_sources(mappings, self._secrets)
        now = datetime.now(UTC)
        for source, names in sorted(missing_secrets(mappings, self._secrets, now=now).items()):
            log.warning("source.without_secret", source=source, set_one_of=list(names))
        for problem in secret_problems(mappings, self._secrets, now=now):
            detail = str(problem)
            log.warning(
                "source.secret_form", source=problem.source, secret=problem.name, detail=detail
            )
        for source in without_public_url(self._sources.values(), self._settings):
            log.warning(
                "source.without_public_url",
                source=source,
                detail="its vendor signs the URL: set RECEIVER_PUBLIC_URL to what it calls",
            )

    def _detail(self) -> dict[str, object]:
        return {
            **mappings_health(self.watch.current, timezone=self._settings.timezone_name),
            "signed_lags": self.clock_lags.medians(),
        }

    async def _read_secrets(self) -> None:
        """Read files and learnt secrets again; without the database those learnt go on."""
        try:
            self._learnt = await pairing.read_learnt(self.database)
        except Exception as error:
            if not is_transient(error):
                raise
        if await asyncio.to_thread(self._secrets.learn, self._learnt):
            log.info("secrets.changed")
            self._adopt(self.watch.current)


def create_app(
    settings: Settings, *, strict: bool = False, stop: asyncio.Event | None = None
) -> Starlette:
    """The ASGI application of a web process; its lifespan starts and stops the parts.

    `strict` refuses mappings with any problem, also where an older version could go on. `stop` is
    set where a background task has ended; leaving the lifespan then raises TaskEnded.
    """
    process = WebProcess(settings, secrets=secrets_of(settings), strict=strict, stop=stop)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with process.running():
            yield

    async def on_nothing_served(request: Request, error: Exception) -> Response:
        process.misrouted.note(request.scope)
        return await on_http_exception(request, error)

    handlers = {**HANDLERS, HTTPException: on_nothing_served}
    app = Starlette(routes=process.routes(), exception_handlers=handlers, lifespan=lifespan)
    # A path with a slash too many is answered 404: a vendor's POST does not follow a redirect.
    app.router.redirect_slashes = False
    return app
