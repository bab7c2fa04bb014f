"""A learnt secret is in force in every web process, in any container, and replaces no other."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from jobs.intake.pairing import Window, open_window
from jobs.storage.database import Database, open_database
from jobs.storage.migrations import migrate
from receiver.app import WebProcess
from receiver.config.reading import load_settings
from receiver.signatures import PRESETS, Handshake, signed_request
from receiver.sources.secrets import secrets_of
from tests.support.requests import block_of
from tests.support.texts import FILES

BASE = "https://hooks.example.com"
LEARNING = {
    name: handshake
    for name, scheme in PRESETS.items()
    for handshake in scheme.handshakes
    if handshake.learns is not None
}
RULES = """
outcomes:
  - name: done
    when: payload.done == true
    agent: support-agent
    customer: acme
    indicator: ticket-resolved
    once_per: ${{ id(payload.id) }}
"""


class Container:
    """A web process with a data directory of its own."""

    def __init__(self, root: Path, database_url: str, mappings: Path) -> None:
        root.mkdir()
        self.settings = load_settings(
            None, database_url=database_url, data_dir=root, mappings=mappings, public_url=BASE
        )
        self.process = WebProcess(self.settings, secrets=secrets_of(self.settings))
        app = Starlette(routes=self.process.routes())
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)

    async def set_up(self, name: str, handshake: Handshake, *, token: str, secret: str) -> int:
        """Send what the vendor sends to the URL of the window."""
        field = handshake.learns
        assert field is not None
        headers = {field.name: secret} if field.place == "header" else {}
        body = {field.name: secret} if field.place == "body" else {}
        answer = await self.client.post(
            f"/webhooks/{name}?pair={token}", headers=headers, content=json.dumps(body)
        )
        return answer.status_code

    async def deliver(self, name: str, secret: str, number: int) -> int:
        """Post a delivery that the webhook with this secret signs, after a look at the secrets."""
        await self.process._read_secrets()
        request: dict[str, Any] = {"method": "POST", "url": f"{BASE}/webhooks/{name}"}
        body = b'{"events":[{"id":%d}]}' % number
        sent = signed_request(name, secret=secret, headers={}, body=body, now=0, **request)
        answer = await self.client.post(sent.url, headers=dict(sent.headers), content=sent.body)
        return answer.status_code


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = open_database(database_url)
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
async def containers(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Container, Container]]:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mappings"
    folder.mkdir()
    (folder / "agents.yaml").write_bytes(FILES["agents.yaml"])
    for name in LEARNING:
        verify = block_of(name) | {"secrets": [f"{name.upper()}_1", f"{name.upper()}_2"]}
        (folder / f"{name}.yaml").write_text(f"source: {name}\nverify: {json.dumps(verify)}{RULES}")
    one, two = (Container(tmp_path / part, database_url, folder) for part in ("one", "two"))
    async with contextlib.AsyncExitStack() as stack:
        for container in (one, two):
            await stack.enter_async_context(container.process.running())
            await stack.enter_async_context(container.client)
        yield one, two


def test_asana_and_notion_are_among_them() -> None:
    assert {"asana", "notion"} <= set(LEARNING)


async def test_each_webhooks_secret_is_in_force_in_both_and_none_is_overwritten(
    database: Database, containers: tuple[Container, Container]
) -> None:
    one, two = containers
    for number, (name, handshake) in enumerate(LEARNING.items()):
        first, second = Window(source=name, secret=f"{name.upper()}_1"), f"{name.upper()}_2"
        await open_window(database, first, token="t1", seconds=60)
        assert await two.set_up(name, handshake, token="t1", secret="secret-of-the-first") == 200
        assert await one.deliver(name, "secret-of-the-first", 10 * number) in (200, 202)
        # A second window for the same name, without saying that it may be replaced.
        await open_window(database, first, token="t2", seconds=60)
        assert await one.set_up(name, handshake, token="t2", secret="another") == 401
        # The next free name, as `receiver pair` takes it.
        await open_window(database, Window(source=name, secret=second), token="t3", seconds=60)
        assert await one.set_up(name, handshake, token="t3", secret="secret-of-the-second") == 200
        for index, secret in enumerate(("secret-of-the-first", "secret-of-the-second"), start=1):
            assert await two.deliver(name, secret, 10 * number + index) in (200, 202), name
        assert await two.deliver(name, "another", 10 * number + 3) == 401


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_secret_in_a_file_of_one_container_is_not_replaced_without_asking(
    database: Database, containers: tuple[Container, Container]
) -> None:
    """Earlier versions kept learnt secrets there; the command of another container sees none."""
    one, _ = containers
    name, handshake = next(iter(LEARNING.items()))
    folder = one.settings.paired_secrets_dir
    assert folder is not None
    folder.mkdir(parents=True)
    (folder / f"{name.upper()}_1").write_text("from an earlier version")
    assert await one.deliver(name, "from an earlier version", 90) in (200, 202)
    window = Window(source=name, secret=f"{name.upper()}_1")
    await open_window(database, window, token="t1", seconds=60)
    assert await one.set_up(name, handshake, token="t1", secret="another") == 401
    assert await one.deliver(name, "from an earlier version", 91) in (200, 202)
    replacing = Window(source=name, secret=f"{name.upper()}_1", replaces=True)
    await open_window(database, replacing, token="t2", seconds=60)
    assert await one.set_up(name, handshake, token="t2", secret="another") == 200
    assert await one.deliver(name, "another", 92) in (200, 202)
