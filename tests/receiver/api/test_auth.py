import hmac

import pytest

from jobs.storage.database import Database
from receiver.api import Dependencies
from tests.receiver.api.conftest import TOKEN, client


@pytest.fixture
def database(sqlite_tables: Database) -> Database:
    """One database is enough: who asks is decided before it is looked at."""
    return sqlite_tables


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"authorization": "Bearer wrong"}, id="wrong"),
        pytest.param({"authorization": f"Basic {TOKEN}"}, id="another-scheme"),
        pytest.param({"authorization": TOKEN}, id="bare"),
        pytest.param({"authorization": "Bearer"}, id="empty"),
        pytest.param({"authorization": f"Bearer {TOKEN}x"}, id="longer"),
        pytest.param({"authorization": "Bearer ☃".encode()}, id="not-ascii"),
    ],
)
@pytest.mark.parametrize("path", ["/api/status", "/api/nothing"])
async def test_without_the_token_everything_is_401(
    parts: Dependencies, headers: dict[str, str], path: str
) -> None:
    async with client(parts, **headers) as stranger:
        answer = await stranger.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["error"] == "unauthorized"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
async def test_the_token_opens(parts: Dependencies, scheme: str) -> None:
    async with client(parts, authorization=f"{scheme} {TOKEN}") as owner:
        assert (await owner.get("/api/status")).status_code == 200


async def test_a_token_may_have_any_characters(parts: Dependencies) -> None:
    headers = {b"authorization": "Bearer pässwörd".encode()}
    async with client(parts, token="pässwörd") as owner:
        assert (await owner.get("/api/status", headers=headers)).status_code == 200


@pytest.mark.parametrize("token", [None, ""])
async def test_without_a_token_configured_there_is_no_api(
    parts: Dependencies, token: str | None
) -> None:
    async with client(parts, token=token, authorization="Bearer ") as anyone:
        assert (await anyone.get("/api/status")).status_code == 404


async def test_the_token_is_compared_by_compare_digest(
    parts: Dependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hmac, "compare_digest", lambda _one, _other: False)
    async with client(parts, authorization=f"Bearer {TOKEN}") as owner:
        assert (await owner.get("/api/status")).status_code == 401
