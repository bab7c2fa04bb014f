"""Corrections by hand over the API."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import select

from jobs.mapping_store import accept, read_stored
from jobs.storage.database import Database
from jobs.storage.schema import actions, billing_events
from mappings.engine.loading.load import load
from receiver.api import Dependencies
from receiver.signatures import RULES
from tests.receiver.api.conftest import TOKEN, client
from tests.receiver.api.test_openapi import BY_NAME, resolved
from tests.support.rows import Rows
from tests.support.texts import AGENTS, FILES


@pytest.fixture
async def billed(rows: Rows) -> Rows:
    """b1 and b2 for tickets 1 and 2 of acme at 0.99, each with its delivery."""
    for ticket in (1, 2):
        body = json.dumps({"state": "solved", "customer": "acme", "ticket": ticket}).encode()
        await rows.charge(delivery_id=await rows.delivery(body=body))
    return rows


@pytest.fixture
def parts(parts: Dependencies) -> Dependencies:
    """The price is 1.50 by now."""
    agents = AGENTS.replace(b"0.99", b"1.50")
    dearer = load({**FILES, "agents.yaml": agents}, timezone="UTC", schemes=RULES)
    return replace(parts, mappings=lambda: dearer)


async def _micros(database: Database) -> list[int]:
    async with database.read() as connection:
        return sorted(await connection.scalars(select(billing_events.c.amount_micros)))


def _as_said(answer: httpx.Response, path: str = "/reversals") -> Any:
    """The object, once it matches the document."""
    assert answer.status_code == 200, answer.text
    Draft202012Validator(resolved(BY_NAME[f"POST {path}"].gives[200])).validate(answer.json())
    return answer.json()


async def test_a_charge_is_taken_back_with_a_note(
    api: httpx.AsyncClient, billed: Rows, database: Database
) -> None:
    found = _as_said(await api.post("/api/reversals", json={"ids": ["b1"], "note": "a test"}))
    assert (found["reversed"], found["amounts"]) == (1, [{"currency": "USD", "amount": "-0.99"}])
    assert found["changes"][0]["now"] is None
    assert await _micros(database) == [-990_000, 990_000, 990_000]
    async with database.read() as connection:
        action = (await connection.execute(select(actions))).mappings().one()
    assert (action["id"], action["kind"]) == (found["id"], "reverse")
    assert (action["actor"], action["note"], action["filter"]) == ("api", "a test", {"ids": ["b1"]})


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param({"filter": {"customer": "acme", "source": "zendesk"}}, id="as an object"),
        pytest.param({"customer": "acme", "rule": "solved"}, id="beside the rest"),
        pytest.param({"filter": {"ids": ["d1", "d2"]}}, id="ids in it"),
    ],
)
async def test_a_filter_takes_what_fits(
    api: httpx.AsyncClient, billed: Rows, database: Database, chosen: dict[str, Any]
) -> None:
    found = _as_said(await api.post("/api/reversals", json={**chosen, "note": "why"}))
    assert (found["matched"], found["reversed"]) == (2, 2)
    assert sum(await _micros(database)) == 0


async def test_a_rebill_is_rehearsed_and_then_made_with_the_same_mappings(
    api: httpx.AsyncClient, billed: Rows, database: Database
) -> None:
    rebill = {"ids": ["d1"], "rebill": True}
    would = _as_said(await api.post("/api/reversals", json={**rebill, "dry_run": True}))
    assert (would["id"], would["rebilled"]) == (None, 1)
    assert would["changes"][0]["now"]["amount"] == "1.50"
    assert await _micros(database) == [990_000, 990_000]
    named = {**rebill, "note": "why", "mapping_version": would["mapping_version"]}
    did = _as_said(await api.post("/api/reversals", json=named))
    assert {**did, "id": None} == would
    assert await _micros(database) == [-990_000, 990_000, 990_000, 1_500_000]


async def test_other_mappings_than_those_rehearsed_are_refused(
    parts: Dependencies, api: httpx.AsyncClient, billed: Rows, database: Database
) -> None:
    rebill = {"ids": ["d1"], "rebill": True}
    would = (await api.post("/api/reversals", json={**rebill, "dry_run": True})).json()
    edited = load(FILES, timezone="UTC", schemes=RULES)
    later = replace(parts, mappings=lambda: edited)
    async with client(later, authorization=f"Bearer {TOKEN}") as afterwards:
        named = {**rebill, "note": "why", "mapping_version": would["mapping_version"]}
        refusal = await afterwards.post("/api/reversals", json=named)
    assert refusal.status_code == 409
    assert refusal.json()["error"] == "mappings-changed"
    assert edited.digest in refusal.json()["detail"]
    assert await _micros(database) == [990_000, 990_000]


async def test_a_rebill_goes_by_what_is_in_force_and_not_by_the_folder_of_the_web_process(
    api: httpx.AsyncClient, billed: Rows, database: Database
) -> None:
    """The web process has 1.50 in its folder; the workers bill 1.25."""
    agents = AGENTS.replace(b"0.99", b"1.25")
    in_force = load({**FILES, "agents.yaml": agents}, timezone="UTC", schemes=RULES)
    assert await accept(database, await read_stored(database), in_force)
    rebill = {"ids": ["d1"], "rebill": True}
    would = _as_said(await api.post("/api/reversals", json={**rebill, "dry_run": True}))
    assert would["changes"][0]["now"]["amount"] == "1.25"
    assert would["mapping_version"] == in_force.digest
    _as_said(await api.post("/api/reversals", json={**rebill, "note": "why"}))
    assert await _micros(database) == [-990_000, 990_000, 990_000, 1_250_000]


async def test_from_bills_what_another_delivery_says(
    api: httpx.AsyncClient, billed: Rows, database: Database
) -> None:
    order = {"ids": ["b1"], "rebill": True, "from": "d2", "note": "why"}
    found = _as_said(await api.post("/api/reversals", json=order))
    assert (found["rebilled"], found["refused"]) == (0, 1)
    assert "the mapping gives no charge of the key" in found["refusals"][0]["reason"]
    found = _as_said(await api.post("/api/reversals", json={**order, "from": "d1"}))
    assert found["rebilled"] == 1


@pytest.mark.parametrize(
    ("order", "status", "detail"),
    [
        pytest.param({"ids": ["b1"]}, 400, "note is missing", id="no-note"),
        pytest.param({"ids": ["b1"], "note": " "}, 400, "note is empty", id="blank-note"),
        pytest.param({"note": "why"}, 400, "name what to reverse", id="nothing"),
        pytest.param({"filter": {}, "note": "why"}, 400, "name what to reverse", id="empty"),
        pytest.param({"filter": "acme", "note": "why"}, 400, "give an object", id="filter-as-text"),
        pytest.param(
            {"filter": {"custmer": "acme"}, "note": "why"}, 400, "did you mean customer?", id="typo"
        ),
        pytest.param(
            {"customer": "acme", "filter": {"customer": "globex"}, "note": "why"},
            400,
            "customer is given twice",
            id="twice",
        ),
        pytest.param({"ids": ["b1", "b9"], "note": "why"}, 404, "outcome key 'b9'", id="unknown"),
        pytest.param({"ids": ["b3"], "note": "why"}, 400, "`receiver reinstate b3`", id="reversal"),
        pytest.param({"ids": ["b1"], "from": "d1", "note": "why"}, 400, "add rebill", id="from"),
        pytest.param(
            {"ids": ["b1"], "rebill": True, "from": "d9", "note": "why"}, 400, "'d9'", id="from-d9"
        ),
        pytest.param({"ids": ["b1"], "rebill": 1, "note": "why"}, 400, "true or false", id="flag"),
        pytest.param({"ids": ["b1"], "limit": 0, "note": "why"}, 400, "from 1", id="limit"),
        pytest.param(
            {"ids": ["b1"], "note": "why", "mapping_version": "x"}, 409, "not x", id="version"
        ),
    ],
)
async def test_what_cannot_be_done_is_refused(
    api: httpx.AsyncClient,
    billed: Rows,
    database: Database,
    order: dict[str, Any],
    status: int,
    detail: str,
) -> None:
    await billed.reversal("b2")
    before = await _micros(database)
    refusal = await api.post("/api/reversals", json=order)
    assert refusal.status_code == status, refusal.text
    assert detail in refusal.json()["detail"]
    assert await _micros(database) == before


async def test_a_reversal_is_taken_back_with_a_note(
    api: httpx.AsyncClient, billed: Rows, database: Database
) -> None:
    taken = (await api.post("/api/reversals", json={"ids": ["b1"], "note": "a mistake"})).json()
    order = {"ids": [taken["id"]], "note": "no mistake"}
    would = _as_said(
        await api.post("/api/reinstatements", json={**order, "dry_run": True}), "/reinstatements"
    )
    assert await _micros(database) == [-990_000, 990_000, 990_000]
    did = _as_said(await api.post("/api/reinstatements", json=order), "/reinstatements")
    assert {**did, "id": None} == would
    assert (did["reinstated"], did["amounts"]) == (1, [{"currency": "USD", "amount": "0.99"}])
    assert await _micros(database) == [-990_000, 990_000, 990_000, 990_000]
    async with database.read() as connection:
        query = select(actions).where(actions.c.kind == "reinstate")
        action = (await connection.execute(query)).mappings().one()
    assert (action["actor"], action["note"], action["filter"]) == (
        "api",
        "no mistake",
        {"ids": ["b1"]},
    )


@pytest.mark.parametrize(
    ("order", "status", "detail"),
    [
        pytest.param({"note": "why"}, 400, "ids is missing", id="no-ids"),
        pytest.param({"ids": [], "note": "why"}, 400, "empty list", id="empty"),
        pytest.param({"ids": ["b1"]}, 400, "note is missing", id="no-note"),
        pytest.param({"ids": ["b9"], "note": "why"}, 404, "'b9'", id="unknown"),
        pytest.param(
            {"ids": ["b1"], "filter": {}, "note": "why"}, 400, "no parameter", id="filter"
        ),
    ],
)
async def test_what_cannot_be_reinstated_is_refused(
    api: httpx.AsyncClient, billed: Rows, order: dict[str, Any], status: int, detail: str
) -> None:
    refusal = await api.post("/api/reinstatements", json=order)
    assert refusal.status_code == status, refusal.text
    assert detail in refusal.json()["detail"]
