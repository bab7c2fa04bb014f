"""/api asked anything: cursors, filters, ids, orders. No fault, and every error in the one form."""

from __future__ import annotations

import asyncio
import atexit
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from starlette.applications import Starlette

from jobs.storage.database import Database, open_database
from jobs.storage.keyset import write_cursor
from jobs.storage.schema import metadata
from mappings.engine.loading.load import load
from receiver.api import Dependencies, api_routes
from receiver.api.answers import HANDLERS
from receiver.signatures import RULES
from tests.fuzz.reading import Decisions, choice
from tests.support.rows import Rows
from tests.support.texts import FILES

TOKEN = "t"
PATHS = (
    "/api/deliveries",
    "/api/billing-events",
    "/api/revenue",
    "/api/rejections",
    "/api/failures",
    "/api/status",
    "/api/replays",
    "/api/discards",
)
#: From here on the bytes are a body, and before it a query.
ORDERS = 6
BELOW = len(PATHS)
AT = datetime(2026, 5, 1, tzinfo=UTC).isoformat()
QUERIES = (
    f"cursor={write_cursor('deliveries', (AT, 'd1'))}&limit=2",
    f"cursor={write_cursor('billing events', ('9999-12-31T23:59:59-23:59', 'b1'))}",
    f"cursor={write_cursor('rejections', ('0001-01-01T00:00:00+23:59', 'r1'))}",
    f"cursor={write_cursor('revenue', ('USD',))}",
    "ids=d1,d2&state=failed&reason=unmapped&source=zendesk&rule=solved",
    "since=2026-01-31&until=2026-01-31T00:00:00%2B02:00",
    "since=0001-01-01T00:00:00%2B23:59&until=9999-12-31T23:59:59-23:59",
    "by=agent,customer,indicator,day,month&basis=recorded&limit=999999999999999999",
    "agent=%00&customer=%ff&indicator=%ED%A0%80",
)
BODIES = (
    '{"state": "failed", "dry_run": true, "limit": 1, "note": "x"}',
    '{"ids": ["d1", "\\ud800"], "since": "2026-01-31"}',
    '{"limit": 1e400, "state": 9223372036854775808}',
)


def seeds() -> Iterator[bytes]:
    """Every question at every path, and ids in paths."""
    for number in range(ORDERS):
        yield from (choice(number) + query.encode() for query in QUERIES)
    for number in range(ORDERS, len(PATHS)):
        yield from (choice(number) + body.encode() for body in BODIES)
    yield from (choice(BELOW) + name for name in (b"d1", b"\x00", b"..%2f", b"<script>"))


def check(data: bytes) -> None:
    """Ask what the bytes say."""
    decisions = Decisions(data)
    number, rest = decisions.number(BELOW + 1), decisions.rest()
    if number == BELOW:
        path = "/api/deliveries/" + rest.decode("latin-1")
        status, answer = _ask("GET", path)
    elif number >= ORDERS:
        status, answer = _ask("POST", PATHS[number], body=rest)
    else:
        status, answer = _ask("GET", PATHS[number], query=rest)
    assert status < 500, answer
    found = json.loads(answer)
    assert status < 400 or found.keys() == {"error", "detail"}


def _ask(method: str, path: str, *, query: bytes = b"", body: bytes = b"") -> tuple[int, bytes]:
    return _World.get().ask(method, path, query, body)


class _World:
    """The API on a small database, in a loop of its own; made when first asked."""

    _only: _World | None = None

    @classmethod
    def get(cls) -> _World:
        if cls._only is None:
            cls._only = cls()
            atexit.register(cls._only.close)
        return cls._only

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "receiver.db"
        self._database = open_database(f"sqlite+aiosqlite:///{path}")
        self._loop.run_until_complete(_fill(self._database))
        mappings = load(FILES, timezone="UTC", schemes=RULES)
        from receiver.config.settings import Settings  # noqa: PLC0415 - reads the environment
        from receiver.sources.secrets import Secrets  # noqa: PLC0415 - with the settings

        parts = Dependencies(
            database=self._database,
            mappings=lambda: mappings,
            zone=ZoneInfo(Settings(_env_file=None).timezone_name),
            oldest_days=400,
            settings=Settings(_env_file=None),
            secrets=Secrets(environ={}),
        )
        routes = api_routes(parts, token=TOKEN)
        self._app = Starlette(routes=routes, exception_handlers=HANDLERS)

    def ask(self, method: str, path: str, query: bytes, body: bytes) -> tuple[int, bytes]:
        return self._loop.run_until_complete(self._ask(method, path, query, body))

    async def _ask(self, method: str, path: str, query: bytes, body: bytes) -> tuple[int, bytes]:
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode("latin-1"),
            "query_string": query,
            "root_path": "",
            "scheme": "http",
            "http_version": "1.1",
            "server": ("receiver", 80),
            "client": ("::1", 1),
            "headers": [(b"authorization", b"Bearer " + TOKEN.encode())],
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent)

    def close(self) -> None:
        self._loop.run_until_complete(self._database.close())
        self._loop.close()
        self._folder.cleanup()


async def _fill(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    rows = Rows(database)
    for state in ("received", "recorded", "ignored"):
        await rows.delivery(state)
    await rows.failure("unmapped", "no key", rule="solved")
    await rows.reversal(await rows.charge())
