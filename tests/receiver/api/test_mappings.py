from dataclasses import replace
from datetime import UTC, datetime

import httpx
from sqlalchemy import insert

from jobs.storage.database import Database
from jobs.storage.schema import mapping_set
from mappings.engine.loading.load import load
from receiver.api import Dependencies
from receiver.signatures import RULES
from tests.receiver.api.conftest import TOKEN, client
from tests.support.texts import FILES

START = datetime(2026, 11, 1, tzinfo=UTC)


async def test_a_dry_run_says_by_which_mappings_and_a_replay_may_name_them(
    parts: Dependencies, api: httpx.AsyncClient, database: Database
) -> None:
    digest = parts.mappings().digest
    row = {"id": 1, "version": digest, "generation": 1, "accepted_at": START}
    async with database.write() as connection:
        await connection.execute(insert(mapping_set).values(row))
    where = {"state": "failed", "reason": "unpriced"}
    would = (await api.post("/api/replays", json=where | {"dry_run": True})).json()
    assert would["mapping_version"] == digest
    other = await api.post("/api/replays", json=where | {"mapping_version": "0123456789ab"})
    assert (other.status_code, other.json()["error"]) == (409, "mappings-changed")
    assert digest in other.json()["detail"]
    begun = await api.post("/api/replays", json=where | {"mapping_version": digest})
    assert begun.status_code == 202
    refused = await api.post("/api/discards", json=where | {"note": "x", "mapping_version": digest})
    assert refused.status_code == 400


async def test_the_mappings_in_force_are_listed(
    parts: Dependencies, api: httpx.AsyncClient
) -> None:
    found = (await api.get("/api/mappings")).json()
    assert found["version"] == parts.mappings().digest
    assert {(one["name"], one["kind"], one["state"]) for one in found["files"]} == {
        (text.name if text.kind != "table" else f"tables/{text.name}.yaml", text.kind, "in-force")
        for text in parts.mappings().versions.values()
    }
    assert (found["problems"], found["warnings"], found["processes"]) == ([], [], [])


async def test_a_refused_edit_is_listed_with_its_place(
    parts: Dependencies, database: Database
) -> None:
    files = FILES | {"zendesk.yaml": b"source: ["}
    mappings = load(files, timezone="UTC", schemes=RULES, last_good=FILES)
    later = replace(parts, mappings=lambda: mappings)
    async with client(later, authorization=f"Bearer {TOKEN}") as api:
        found = (await api.get("/api/mappings")).json()
    states = {one["name"]: one["state"] for one in found["files"]}
    assert states["zendesk.yaml"] == "last-good"
    (problem,) = found["problems"]
    assert (problem["file"], problem["line"]) == ("zendesk.yaml", 2)
    assert problem["message"]
    assert problem["remediation"]
