import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from jobs.storage.database import Database
from jobs.storage.schema import actions, deliveries
from mappings.engine.loading.load import load
from receiver.api import Dependencies
from receiver.signatures import RULES
from tests.receiver.api.conftest import TOKEN, client
from tests.support.rows import Rows
from tests.support.texts import FILES, ZENDESK


async def _failed(rows: Rows, **payload: Any) -> str:
    body = {"state": "solved", "customer": "acme", **payload}
    return await rows.failure("unpriced", "no price", body=json.dumps(body).encode())


async def _states(database: Database) -> dict[str, str]:
    async with database.read() as connection:
        found = await connection.execute(select(deliveries.c.id, deliveries.c.state))
        return {row.id: row.state for row in found}


async def test_a_replay_starts_and_its_progress_can_be_asked(
    api: httpx.AsyncClient, rows: Rows, database: Database
) -> None:
    await _failed(rows, ticket=1)
    await rows.delivery("recorded")
    answer = await api.post("/api/replays", json={"reason": "unpriced", "note": "priced"})
    assert answer.status_code == 202
    assert answer.json().keys() == {"id", "matched"}
    assert answer.json()["matched"] == 1
    progress = (await api.get(f"/api/replays/{answer.json()['id']}")).json()
    assert progress == {
        "id": answer.json()["id"],
        "state": "running",
        "matched": 1,
        "done": 0,
        "recorded": 0,
        "ignored": 0,
        "failed": 0,
        "unchanged": 0,
        "unchanged_no_body": 0,
        "differences": [],
    }
    async with database.read() as connection:
        action = (await connection.execute(select(actions))).mappings().one()
    assert (action["kind"], action["actor"], action["note"]) == ("replay", "api", "priced")


async def test_a_dry_run_tells_and_changes_nothing(
    api: httpx.AsyncClient, rows: Rows, database: Database
) -> None:
    await _failed(rows, ticket=1)
    await _failed(rows, ticket=2.5)
    answer = await api.post("/api/replays", json={"state": "failed", "dry_run": True})
    assert answer.status_code == 200
    found = answer.json()
    assert found["matched"] == 2
    assert found["would"] == {"failed": 1, "recorded": 1}
    assert found["amounts"] == [{"currency": "USD", "amount": "0.99"}]
    assert [one["delivery"] for one in found["still_failing"]] == ["d2"]
    assert found["differences"] == []
    assert set((await _states(database)).values()) == {"failed"}


async def test_a_dry_run_finds_an_outcome_too_old_when_the_workers_do(
    parts: Dependencies, rows: Rows
) -> None:
    dated = ZENDESK + b"    occurred_at: ${{ payload.at }}\n"
    mappings = load({**FILES, "zendesk.yaml": dated}, timezone="UTC", schemes=RULES)
    await _failed(rows, ticket=1, at="2026-04-20T00:00:00Z")
    would = {}
    for days in (5, 400):
        found = replace(parts, mappings=lambda: mappings, oldest_days=days)
        async with client(found, authorization=f"Bearer {TOKEN}") as asking:
            answer = await asking.post("/api/replays", json={"state": "failed", "dry_run": True})
        would[days] = answer.json()["would"]
    assert would == {5: {"failed": 1}, 400: {"recorded": 1}}


async def test_a_discard_needs_a_note_and_takes_only_failed_and_ignored(
    api: httpx.AsyncClient, rows: Rows, database: Database
) -> None:
    for state in ("failed", "ignored", "recorded"):
        await rows.delivery(state)
    assert (await api.post("/api/discards", json={"source": "zendesk"})).status_code == 400
    dry = await api.post(
        "/api/discards", json={"source": "zendesk", "note": "noise", "dry_run": True}
    )
    assert dry.json() == {"matched": 2}
    answer = await api.post("/api/discards", json={"source": "zendesk", "note": "noise"})
    assert (answer.status_code, answer.json()["matched"]) == (202, 2)
    assert await _states(database) == {"d1": "discarded", "d2": "discarded", "d3": "recorded"}


@pytest.mark.parametrize("path", ["/api/replays", "/api/discards"])
async def test_a_mistyped_id_is_an_error_not_one_fewer(
    api: httpx.AsyncClient, rows: Rows, path: str
) -> None:
    await _failed(rows, ticket=1)
    answer = await api.post(path, json={"ids": ["d1", "d9"], "note": "because"})
    assert answer.status_code == 404
    assert "'d9'" in answer.json()["detail"]
