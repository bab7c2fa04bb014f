"""A webhook endpoint with an inbox in memory, for tests of what happens on the way to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from jobs.common.errors import InboxUnavailable
from jobs.intake.commit import Accepted, Incoming
from jobs.intake.pairing import Window
from jobs.intake.rejections import Rejected
from receiver.health.metrics import Metrics
from receiver.signatures import PRESETS, scheme_of, sign
from receiver.sources.registry import ClosedSource, KnownSource, ReadySource
from receiver.web.body_budget import Budget
from receiver.web.connections import BoundedHttp
from receiver.web.endpoint import WebhookEndpoint
from receiver.web.handshakes import Handshakes
from receiver.web.preconditions import Limits
from receiver.web.server import Server
from tests.support.requests import block_of

LIMIT = 1_048_576
SECRET = "a secret of text"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class MemoryInbox:
    """Keeps deliveries by dedupe key, as the real one does; `away` refuses them all."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[str, Incoming]] = {}
        self.away = False
        self.pause = 0.0

    async def accept(self, incoming: Incoming) -> Accepted:
        await asyncio.sleep(self.pause)
        if self.away:
            raise InboxUnavailable("the database did not commit in time")
        key = (incoming.source, incoming.dedupe_key)
        known = self.kept.get(key)
        if known:
            return Accepted(known[0], duplicate=True)
        delivery_id = f"d{len(self.kept) + 1}"
        self.kept[key] = (delivery_id, incoming)
        return Accepted(delivery_id, duplicate=False)

    @property
    def last(self) -> Incoming:
        return list(self.kept.values())[-1][1]


class MemoryPairing:
    """The windows and learnt secrets of a database, in memory: see jobs.intake.pairing."""

    TOKEN = "the-one-time-part"

    def __init__(self) -> None:
        self.windows: dict[str, Window] = {}
        self.learnt: dict[str, str] = {}
        self.shown: dict[str, dict[str, str]] = {}

    def open(self, source: str, secret: str | None) -> None:
        self.windows[source] = Window(source=source, secret=secret)

    async def take(
        self, source: str, *, token: str, learnt: str | None, shown: Mapping[str, str]
    ) -> Window | None:
        if token != self.TOKEN or source not in self.windows:
            return None
        window = self.windows.pop(source)
        if window.secret is not None and learnt is not None:
            self.learnt[window.secret] = learnt
        self.shown[source] = dict(shown)
        return window


@dataclass
class Endpoint:
    """The endpoint, what it stored and what it refused."""

    inbox: MemoryInbox = field(default_factory=MemoryInbox)
    rejections: list[Rejected] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    sources: dict[str, KnownSource] = field(default_factory=dict)
    public_url: str | None = None
    pairing: MemoryPairing | None = None
    body_seconds: float = 5.0
    budget: Budget = field(default_factory=lambda: Budget(64 * LIMIT))
    verifications: list[tuple[str, str, datetime]] = field(default_factory=list)
    lags: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.add("github", secrets=(SECRET,))
        self.add("zendesk", secrets=("", SECRET))
        self.add("hubspot-v3", secrets=(SECRET,))
        self.add("standard-webhooks", secrets=(WHSEC,))
        self.sources["shut"] = ReadySource(name="shut", scheme=PRESETS["github"], secrets=("",))
        self.sources["broken"] = ClosedSource("broken")
        webhooks = WebhookEndpoint(
            sources=lambda: self.sources,
            accept=self.inbox.accept,
            limits=Limits(body_bytes=LIMIT, body_seconds=self.body_seconds, budget=self.budget),
            on_rejection=self.rejections.append,
            metrics=self.metrics,
            public_url=self.public_url,
            handshakes=Handshakes(self.pairing.take if self.pairing else None),
            on_verified=lambda *verification: self.verifications.append(verification),
            on_signed_time=lambda *lag: self.lags.append(lag),
        )
        paths = ("/webhooks/{source}", "/webhooks/{source}/", "/webhooks/{source}/{token:path}")
        self.app = Starlette(routes=[Route(path, webhooks) for path in paths])
        self.app.router.redirect_slashes = False

    def add(self, scheme: str, *, name: str | None = None, **changes: Any) -> None:
        block = block_of(scheme) | {
            key: changes.pop(key) for key in ("success", "failure", "verify") if key in changes
        }
        block |= block.pop("verify", {})
        name = name or scheme
        self.sources[name] = ReadySource(name=name, scheme=scheme_of(block), **changes)

    def ready(self, name: str) -> ReadySource:
        source = self.sources[name]
        assert isinstance(source, ReadySource)
        return source

    @property
    def causes(self) -> list[tuple[str, str]]:
        return [(rejection.source, rejection.cause) for rejection in self.rejections]


def signed(
    body: bytes,
    *,
    scheme: str = "github",
    url: str = "http://testserver/webhooks/github",
    method: str = "POST",
    secret: str = SECRET,
    age_seconds: float = 0,
    delivery_id: str | None = None,
) -> dict[str, str]:
    """The headers with which the vendor would send this body now."""
    return sign(
        scheme,
        secret=secret,
        method=method,
        url=url,
        headers={},
        body=body,
        now=time.time() - age_seconds,
        delivery_id=delivery_id,
    )


@contextlib.asynccontextmanager
async def served(app: Any, http: type[BoundedHttp] = BoundedHttp) -> AsyncIterator[int]:
    """The app behind a real server; its port."""
    config = uvicorn.Config(
        app, port=0, http=http, log_config=None, lifespan="off", access_log=False
    )
    server = Server(config, None)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


def head(method: str, path: str, headers: dict[str, str]) -> bytes:
    """A request's head as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: testserver"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@dataclass
class Answered:
    """A response read off a socket."""

    status: int
    headers: dict[str, str]
    body: Any


async def read_answer(reader: asyncio.StreamReader) -> Answered:
    """Read one response with a Content-Length."""
    status_line = await reader.readline()
    headers: dict[str, str] = {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Answered(int(status_line.split()[1]), headers, json.loads(body) if body else None)
