from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from jobs.database import Database, open_database
from mappings.load import load
from receiver.api import ApiParts, api_routes
from receiver.settings import Settings
from receiver.signatures import RULES
from tests.support.rows import Rows

TOKEN = "correct horse"

AGENTS = b"""\
agents:
  support-agent:
    name: Support agent
    indicators:
      ticket-resolved: {price: "0.99", currency: USD}
"""
ZENDESK = b"""\
source: zendesk
verify: {scheme: zendesk, secrets: [ZENDESK_SECRET]}
outcomes:
  - name: solved
    when: payload.state == "solved"
    agent: support-agent
    customer: ${{ payload.customer }}
    indicator: ticket-resolved
    once_per: ${{ id(payload.ticket) }}
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = open_database(database_url)
    await Rows(database).make_tables()
    yield database
    await database.close()


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)


@pytest.fixture
def parts(database: Database) -> ApiParts:
    files = {"agents.yaml": AGENTS, "zendesk.yaml": ZENDESK}
    mappings = load(files, timezone="UTC", schemes=RULES)
    assert not mappings.problems
    settings = Settings(_env_file=None)
    return ApiParts(
        database=database,
        mappings=lambda: mappings,
        zone=settings.zone,
        oldest_days=settings.oldest_outcome_days,
    )


@pytest.fixture
async def api(parts: ApiParts) -> AsyncIterator[httpx.AsyncClient]:
    """A client that has the token."""
    async with client(parts, authorization=f"Bearer {TOKEN}") as found:
        yield found


def client(parts: ApiParts, *, token: str | None = TOKEN, **headers: Any) -> httpx.AsyncClient:
    app = Starlette(routes=api_routes(parts, token=token))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://receiver", headers=headers)
