"""The web process as a whole, on a real database: what it does when parts of it are missing."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs.common.tasks import TaskEnded
from jobs.heartbeat import Heartbeat
from jobs.intake.group_commit import Inbox
from jobs.intake.pairing import Window, open_window
from jobs.mapping_watch import MappingsRefused
from jobs.storage.database import open_database
from jobs.storage.migrations import migrate
from receiver.app import DatabaseOutdated, create_app
from receiver.config.reading import load_settings
from receiver.config.settings import Settings
from receiver.web.server import serve
from tests.receiver.web.endpoint import SECRET, signed

SHIPPED = Path(__file__).parents[3] / "mappings"
TOKEN = "a-token-for-tests"
BODY = b'{"action": "submitted"}'


@pytest.fixture
async def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mappings"
    ignored = shutil.ignore_patterns("*.py", "__pycache__", "py.typed")
    shutil.copytree(SHIPPED, folder, ignore=ignored)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "GITHUB_SECRET").write_text(SECRET)
    settings = load_settings(
        None,
        port=0,
        mappings=folder,
        data_dir=tmp_path / "var",
        secrets_dir=tmp_path / "secrets",
        admin_token=TOKEN,
    )
    database = open_database(settings.database)
    await migrate(database)
    await database.close()
    return settings


@contextlib.asynccontextmanager
async def running(
    settings: Settings, stop: asyncio.Event | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """The web process behind its port, stopped at the end or by `stop`."""
    stop = stop or asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve(create_app(settings), settings, stop, on_ready=ready.set_result)
    )
    waited: set[asyncio.Future[Any]] = {ready, serving}
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if not ready.done():
        await serving
    async with httpx.AsyncClient(base_url=ready.result(), timeout=10) as client:
        yield client
    stop.set()
    await serving


async def post(client: httpx.AsyncClient, delivery_id: str) -> httpx.Response:
    headers = signed(BODY, delivery_id=delivery_id)
    return await client.post("/webhooks/github", content=BODY, headers=headers)


async def problems(client: httpx.AsyncClient) -> dict[str, list[str]]:
    """What /readyz names, details by name. It may be a second old."""
    await asyncio.sleep(1.0)
    answer = await client.get("/readyz")
    named: dict[str, list[str]] = {}
    for problem in answer.json()["problems"]:
        named.setdefault(problem["name"], []).append(
            f"{problem['summary']}; {problem['remediation']}"
        )
    return named


def states(settings: Settings) -> dict[str, Any]:
    with contextlib.closing(sqlite3.connect(settings.data_dir / "receiver.db")) as connection:
        return dict(connection.execute("SELECT id, state FROM deliveries"))


async def test_a_delivery_is_in_the_database_before_it_is_acknowledged(settings: Settings) -> None:
    async with running(settings) as client:
        answer = await post(client, "1")
        assert answer.status_code == 202
        assert states(settings) == {answer.json()["delivery"]: "received"}
        again = await post(client, "1")
        assert (again.status_code, again.json()["delivery"]) == (200, answer.json()["delivery"])


async def test_a_background_task_that_ends_ends_the_process(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(_heartbeat: Heartbeat) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(Heartbeat, "run", breaks)
    stop = asyncio.Event()
    with pytest.raises(TaskEnded, match="'heartbeat'"):
        await serve(create_app(settings, stop=stop), settings, stop)


async def test_without_redis_worker_and_secrets_it_takes_deliveries_and_says_what_limps(
    settings: Settings,
) -> None:
    async with running(settings) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json()["status"] == "degraded"
        named = await problems(client)
        assert {"redis", "worker", "secrets"} == named.keys()
        assert any(
            "zendesk" in detail and "ZENDESK_SECRET" in detail for detail in named["secrets"]
        )
        assert not any("github" in detail for detail in named["secrets"])
        assert (await post(client, "1")).status_code == 202


async def test_a_new_secret_opens_its_source_without_a_restart(settings: Settings) -> None:
    assert settings.secrets_dir is not None
    url = "/webhooks/zendesk"
    async with running(settings) as client:
        assert (await client.post(url, content=BODY)).status_code == 503
        (settings.secrets_dir / "ZENDESK_SECRET").write_text(SECRET + "\n")
        await asyncio.sleep(2.5)
        headers = signed(BODY, scheme="zendesk")
        assert (await client.post(url, content=BODY, headers=headers)).status_code == 202


async def test_a_secret_that_a_vendor_sends_in_its_window_is_in_use_at_once(
    settings: Settings,
) -> None:
    mapping = (settings.mappings / "github.yaml").read_text()
    asana = mapping.replace("source: github", "source: asana").replace(
        "scheme: github", "scheme: asana"
    )
    (settings.mappings / "asana.yaml").write_text(asana.replace("GITHUB_SECRET", "ASANA_SECRET"))
    database = open_database(settings.database)
    url, hook_secret = "/webhooks/asana", {"X-Hook-Secret": "from-asana"}
    async with running(settings) as client:
        assert (await client.post(url, content=BODY)).status_code == 503
        assert (await client.post(url, headers=hook_secret)).status_code == 401
        window = Window(source="asana", secret="ASANA_SECRET")
        await open_window(database, window, token="one-time", seconds=60)
        assert (await client.post(url, headers=hook_secret)).status_code == 401
        there = f"{url}?pair=one-time"
        assert (await client.post(there, headers=hook_secret)).status_code == 200
        headers = signed(BODY, scheme="asana", secret="from-asana")
        first = await client.post(there, content=BODY, headers=headers)
        assert (first.status_code, first.json()["status"]) == (200, "accepted")
    await database.close()
    async with running(settings) as client:  # another process, or this one started again
        again = await client.post(url, content=BODY, headers=headers)
        assert (again.status_code, again.json()["status"]) == (200, "duplicate")


async def test_a_rejected_edit_is_named_and_costs_only_itself(settings: Settings) -> None:
    async with running(settings) as client:
        (settings.mappings / "github.yaml").write_text("source: github\ncolour: blue\n")
        (settings.mappings / "other.yaml").write_text("source: other\ncolour: blue\n")
        await asyncio.sleep(2.5)
        named = await problems(client)
        assert any(
            "github.yaml" in detail and "stays in force" in detail for detail in named["mappings"]
        )
        assert (await post(client, "1")).status_code == 202
        assert (await client.post("/webhooks/other", content=BODY)).status_code == 503
        exposed = (await client.get("/metrics")).text
        assert 'receiver_health_problems{check="mappings"} 0.0' not in exposed


async def test_a_database_that_cannot_commit_is_503_here_and_for_the_sender(
    settings: Settings,
) -> None:
    async with running(settings) as client:
        assert (await client.get("/readyz")).status_code == 200
        with contextlib.closing(sqlite3.connect(settings.data_dir / "receiver.db")) as other:
            other.isolation_level = None
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(1.0)
            answer, ready = await asyncio.gather(post(client, "1"), client.get("/readyz"))
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert ready.status_code == 503
            assert ready.json()["status"] == "unavailable"
            assert (await client.get("/livez")).status_code == 200
            other.execute("ROLLBACK")
        await asyncio.sleep(1.0)
        assert (await post(client, "1")).status_code in (200, 202)
        assert (await client.get("/readyz")).status_code == 200


async def test_the_api_is_there_with_a_token_only(settings: Settings) -> None:
    async with running(settings) as client:
        assert (await client.get("/api/status")).status_code == 401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert (await client.get("/api/status", headers=headers)).json()["accepted"] == 0
    async with running(settings.model_copy(update={"admin_token": None})) as client:
        answer = await client.get("/api/status", headers=headers)
        assert answer.status_code == 404
        assert answer.json()["error"] == "not-found"


@pytest.mark.parametrize(("trusted", "status"), [("127.0.0.1", 202), ("", 401)])
async def test_a_proxys_headers_are_believed_where_it_is_configured(
    settings: Settings, trusted: str, status: int
) -> None:
    assert settings.secrets_dir is not None
    (settings.secrets_dir / "HUBSPOT_SECRET").write_text(SECRET)
    async with running(settings.model_copy(update={"trusted_proxies": trusted})) as client:
        url = "https://hooks.example.com/webhooks/hubspot"
        headers = signed(BODY, scheme="hubspot-v3", url=url)
        headers |= {"Host": "hooks.example.com", "X-Forwarded-Proto": "https"}
        answer = await client.post("/webhooks/hubspot", content=BODY, headers=headers)
        assert answer.status_code == status


async def test_metrics_count_what_is_in_the_database(settings: Settings) -> None:
    async with running(settings) as client:
        await post(client, "1")
        await client.post("/webhooks/github", content=BODY)
        exposed = (await client.get("/metrics")).text
    assert 'receiver_deliveries_by_state{state="received"} 1.0' in exposed
    assert 'receiver_rejections_total{cause="missing-signature",source="github"} 1.0' in exposed


async def test_deliveries_under_way_are_committed_and_answered_at_a_stop(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = Inbox.accept

    async def slow_accept(self: Inbox, incoming: Any) -> Any:
        await asyncio.sleep(0.3)
        return await accept(self, incoming)

    monkeypatch.setattr(Inbox, "accept", slow_accept)
    stop = asyncio.Event()
    async with running(settings, stop) as client:
        answering = [asyncio.create_task(post(client, str(number))) for number in range(20)]
        await asyncio.sleep(0.15)
        stop.set()
        answers = await asyncio.gather(*answering)
        with pytest.raises(httpx.ConnectError):
            await post(client, "late")
    assert {answer.status_code for answer in answers} == {202}
    assert len(states(settings)) == 20


async def test_a_first_start_with_a_bad_mapping_is_refused(settings: Settings) -> None:
    (settings.mappings / "github.yaml").write_text("source: github\n")
    with pytest.raises(MappingsRefused):
        async with running(settings):
            pass


async def test_a_database_without_the_tables_is_refused(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"data_dir": settings.data_dir / "elsewhere"})
    with pytest.raises(DatabaseOutdated, match="receiver migrate"):
        async with running(elsewhere):
            pass


async def test_a_port_that_is_taken_is_an_error_for_the_caller(settings: Settings) -> None:
    async with running(settings) as client:
        taken = settings.model_copy(update={"port": client.base_url.port})
        with pytest.raises(OSError, match="cannot listen on"):
            async with running(taken):
                pass
