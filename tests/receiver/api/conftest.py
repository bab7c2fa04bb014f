from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from starlette.applications import Starlette

from jobs.storage.database import Database
from mappings.engine.loading.load import load
from receiver.api import Dependencies, api_routes
from receiver.config.settings import Settings
from receiver.signatures import RULES
from receiver.sources.secrets import Secrets
from tests.support.texts import FILES

TOKEN = "correct horse"


@pytest.fixture
def parts(database: Database) -> Dependencies:
    mappings = load(FILES, timezone="UTC", schemes=RULES)
    assert not mappings.problems
    settings = Settings(_env_file=None)
    return Dependencies(
        database=database,
        mappings=lambda: mappings,
        zone=ZoneInfo(settings.timezone_name),
        oldest_days=settings.max_outcome_age_days,
        settings=settings,
        secrets=Secrets(environ={}),
    )


@pytest.fixture
async def api(parts: Dependencies) -> AsyncIterator[httpx.AsyncClient]:
    """A client that has the token."""
    async with client(parts, authorization=f"Bearer {TOKEN}") as found:
        yield found


def client(parts: Dependencies, *, token: str | None = TOKEN, **headers: Any) -> httpx.AsyncClient:
    app = Starlette(routes=api_routes(parts, token=token))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://receiver", headers=headers)
