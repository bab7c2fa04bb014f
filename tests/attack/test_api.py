"""/api against its own OpenAPI document: whatever is asked, no fault, and no answer unannounced."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from starlette.applications import Starlette

from jobs.filters import DeliveryFilter
from jobs.intake.rejections import Rejected, RejectionBook
from jobs.replays.replay import start_replay
from jobs.storage.database import Database, open_database
from jobs.storage.schema import metadata
from mappings.engine.loading.load import load
from receiver.api import Dependencies, api_routes
from receiver.api.answers import HANDLERS
from receiver.api.openapi import document
from receiver.config.settings import Settings
from receiver.signatures import RULES
from receiver.sources.secrets import Secrets
from receiver.web.connections import BoundedHttp
from receiver.web.server import Server
from tests.support.processes import wait_until
from tests.support.rows import START, Rows
from tests.support.texts import FILES

TOKEN = "correct horse"
#: Without the token, which is covered by tests/receiver/api/test_openapi.py.
SCHEMA = schemathesis.openapi.from_dict(
    {name: part for name, part in document().items() if name != "security"}
)
#: A text that the document allows may still be no time and no cursor.
CHECKED: Any = [check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"]


async def fill(database: Database) -> None:
    """Something of everything that the API shows."""
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    rows = Rows(database)
    await rows.accepted(9)
    for state in ("received", "recorded", "ignored", "discarded"):
        await rows.delivery(state)
    await rows.delivery(body=b"\xff\x00", headers={"x": "\x1b[31m</script>"})
    await rows.failure("unmapped", 'the table "t" has no key "1"', rule="solved")
    await rows.reversal(await rows.charge())
    await rows.charge()
    key, delivery = '["zendesk","solved","3"]', await rows.delivery()
    await rows.outcome(delivery, outcome_key=key, ordinal=2, verdict="duplicate", amount_micros=7)
    await rows.outcome(delivery, kind="reversal", verdict="waiting", amount_micros=None)
    await start_replay(database, DeliveryFilter(state="ignored"), actor="test", note="n")
    book = RejectionBook(database)
    book.add(Rejected(at=START, source="desk", cause="no-room", detail="no", remote="::1"))
    await book.flush()


def parts(database: Database) -> Dependencies:
    mappings = load(FILES, timezone="UTC", schemes=RULES)
    defaults = Settings(_env_file=None)
    return Dependencies(
        database=database,
        mappings=lambda: mappings,
        zone=ZoneInfo(defaults.timezone_name),
        oldest_days=defaults.max_outcome_age_days,
        settings=defaults,
        secrets=Secrets(environ={}),
    )


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API behind a real server, in a thread: what asks it here waits for its answers."""
    path = tmp_path_factory.mktemp("api") / "receiver.db"
    database = open_database(f"sqlite+aiosqlite:///{path}")
    app = Starlette(routes=api_routes(parts(database), token=TOKEN), exception_handlers=HANDLERS)
    config = uvicorn.Config(
        app, port=0, http=BoundedHttp, log_config=None, lifespan="off", access_log=False
    )
    server = Server(config, None)

    async def run() -> None:
        await fill(database)
        await server.serve()
        await database.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        wait_until(lambda: server.started, what="the server")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@SCHEMA.parametrize()
@settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_answer_is_as_the_document_says(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(
        base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKED
    )
