"""The OpenAPI document has what is there: every call, every parameter, every member, no other."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from jobs.storage.database import Database
from receiver.api import Dependencies
from receiver.api.call import Operation
from receiver.api.openapi import document
from receiver.api.operations import OPENAPI_PATH, OPERATIONS
from tests.receiver.api.conftest import client
from tests.support.rows import Rows

BY_NAME = {f"{one.method} {one.path}": one for one in OPERATIONS}
operations = pytest.mark.parametrize("operation", BY_NAME.values(), ids=BY_NAME)


@pytest.fixture
def database(sqlite_tables: Database) -> Database:
    """One database is enough for what holds on both."""
    return sqlite_tables


def path_of(operation: Operation) -> str:
    return "/api" + re.sub(r"\{\w+\}", "d1", operation.path)


def known_in(refusal: httpx.Response) -> set[str]:
    """The names that a refusal of an unknown one lists."""
    assert refusal.status_code == 400, refusal.text
    listed = re.search("known are (.*)", refusal.json()["detail"])
    return set(listed[1].split(", ")) - {""} if listed else set()


async def test_it_is_served_behind_the_token_only(
    api: httpx.AsyncClient, parts: Dependencies
) -> None:
    assert (await api.get("/api/openapi.json")).json() == document()
    assert "/api/openapi.json" in document()["paths"]
    async with client(parts) as stranger:
        assert (await stranger.get("/api/openapi.json")).status_code == 401


def test_it_is_a_document_of_openapi_and_its_schemas_are_schemas() -> None:
    assert document()["openapi"] == "3.1.0"
    for schema in document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    refs = set(re.findall('"#/components/schemas/([^"]+)"', json.dumps(document())))
    assert refs == document()["components"]["schemas"].keys()


@operations
async def test_exactly_the_parameters_that_are_named_are_taken(
    api: httpx.AsyncClient, operation: Operation
) -> None:
    refusal = await api.request(operation.method, path_of(operation), params={"qqqqqqqq": "1"})
    assert known_in(refusal) == set(operation.query_names)


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.members is not None], ids=lambda one: one.path
)
async def test_exactly_the_members_that_are_named_are_taken(
    api: httpx.AsyncClient, operation: Operation
) -> None:
    assert operation.members is not None
    refusal = await api.post(path_of(operation), json={"qqqqqqqq": "1"})
    assert known_in(refusal) == set(operation.members)


@operations
async def test_every_call_wants_the_token(parts: Dependencies, operation: Operation) -> None:
    async with client(parts, authorization="Bearer wrong horse") as stranger:
        answer = await stranger.request(operation.method, path_of(operation))
    assert answer.status_code == 401
    assert answer.json().keys() == {"error", "detail"}


@pytest.mark.parametrize("path", ["/api/status", "/api/nothing", "/api/deliveries/%3Cscript%3E"])
async def test_no_answer_is_taken_for_a_page_or_kept(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def resolved(model: Any) -> dict[str, Any]:
    """The schema of an answer, with what it refers to."""
    name = model.__name__.replace("[", "_").replace("]", "_")
    return {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}


async def test_a_rehearsed_and_a_real_replay_are_as_said(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    await rows.failure("unmapped", "no key")
    gives = BY_NAME["POST /replays"].gives
    rehearsed = await api.post("/api/replays", json={"state": "failed", "dry_run": True})
    Draft202012Validator(resolved(gives[rehearsed.status_code])).validate(rehearsed.json())
    begun = await api.post("/api/replays", json={"state": "failed"})
    Draft202012Validator(resolved(gives[begun.status_code])).validate(begun.json())
    progress = await api.get(f"/api/replays/{begun.json()['id']}")
    shape = BY_NAME["GET /replays/{replay_id}"].gives[200]
    Draft202012Validator(resolved(shape)).validate(progress.json())


def test_the_document_has_every_call_once() -> None:
    calls = {(path, method) for path, one in document()["paths"].items() for method in one}
    assert calls == {
        *((f"/api{one.path}", one.method.lower()) for one in OPERATIONS),
        (f"/api{OPENAPI_PATH}", "get"),
    }
