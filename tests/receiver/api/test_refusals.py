import json
from typing import Any

import httpx
import pytest

from jobs.storage.database import Database
from jobs.storage.keyset import write_cursor
from tests.support.rows import Rows

BEYOND_TIME = write_cursor("deliveries", ("0001-01-01T00:00:00+23:59", "d1"))


@pytest.fixture
def database(sqlite_tables: Database) -> Database:
    """One database is enough for what is refused before it is asked."""
    return sqlite_tables


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/api/deliveries?limit=ten", "limit is 'ten'; give a whole number"),
        ("/api/deliveries?limit=0", "limit is 0; give a number from 1 to 1000"),
        ("/api/deliveries?limit=1&limit=2", "limit is given twice"),
        ("/api/deliveries?cursor=nonsense", "cursor is unknown"),
        ("/api/deliveries?cursor=a%20b", "cursor is unknown"),
        (f"/api/deliveries?cursor={BEYOND_TIME}", "cursor is unknown"),
        ("/api/deliveries?state=open", "state is 'open'; choose from received, recorded"),
        ("/api/deliveries?stat=failed", "did you mean state?"),
        ("/api/deliveries?reason=", "reason is empty"),
        ("/api/deliveries?ids=", "ids is empty"),
        ("/api/deliveries?source=%00", "source has a NUL"),
        ("/api/deliveries?ids=d1,%00", "ids has a NUL"),
        ("/api/deliveries?since=yesterday", "since is 'yesterday'; write a time such as"),
        ("/api/deliveries?until=2026-01-01T00:00:00", "until is '2026-01-01T00:00:00'; write"),
        (
            "/api/rejections?since=2026-12-01&until=2026-11-01",
            "since is '2026-12-01' and until is '2026-11-01', which is earlier",
        ),
        ("/api/revenue?basis=posted", "basis is 'posted'; choose from occurred, recorded"),
        ("/api/billing-events?kind=charges", "kind is 'charges'; did you mean charge?"),
        ("/api/billing-events?format=xlsx", "format is 'xlsx'; choose from json, csv"),
        (
            "/api/billing-events?recorded_since=2026-02-01&recorded_until=2026-01-01",
            "recorded_since is '2026-02-01' and recorded_until is '2026-01-01', which is earlier",
        ),
        ("/api/billing-events?state=failed", "'state' is no parameter here"),
        ("/api/revenue?by=model", "by names 'model'; choose from agent"),
        ("/api/revenue?cursor=abc", "cursor is unknown"),
        ("/api/status?limit=1", "'limit' is no parameter here"),
        ("/api/deliveries/d1?x=1", "'x' is no parameter here"),
    ],
)
async def test_a_bad_parameter_is_named_with_its_fix(
    api: httpx.AsyncClient, path: str, names: str
) -> None:
    answer = await api.get(path)
    assert answer.status_code == 400
    assert answer.json()["error"] == "bad-parameter"
    assert names in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/api/deliveries/d9", "/api/replays/r9", "/api/nothing", "/api", "/api/status/"]
)
async def test_what_does_not_exist_is_404(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path, follow_redirects=True)
    assert answer.status_code == 404
    assert answer.json().keys() == {"error", "detail"}


async def test_another_method_is_405(api: httpx.AsyncClient) -> None:
    answer = await api.post("/api/status")
    assert (answer.status_code, answer.json()["error"]) == (405, "method-not-allowed")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/api/replays", "/api/discards"])
@pytest.mark.parametrize(
    ("body", "names"),
    [
        pytest.param({}, "name what to", id="nothing"),
        pytest.param({"dry_run": True}, "name what to", id="no-filter"),
        pytest.param({"ids": []}, "ids is an empty list", id="no-ids"),
        pytest.param({"ids": "d1"}, "give a list of ids", id="ids-as-text"),
        pytest.param({"ids": [1]}, "give a list of ids", id="ids-as-numbers"),
        pytest.param({"raeson": "unpriced"}, "did you mean reason?", id="misspelt"),
        pytest.param({"reason": 1}, "reason is 1; give text", id="wrong-type"),
        pytest.param({"state": "received"}, "state 'received' cannot be", id="state"),
        pytest.param({"state": "failed", "dry_run": "yes"}, "give true or false", id="dry-run"),
        pytest.param({"state": "failed", "limit": 0}, "limit is 0", id="limit"),
        pytest.param({"state": "failed", "limit": 10**30}, "limit is 10000", id="vast-limit"),
        pytest.param({"state": "failed", "since": "x"}, "since is 'x'", id="time"),
        pytest.param(
            {"state": "failed", "since": "2026-12-01", "until": "2026-11-01"},
            "which is earlier: nothing fits; swap them",
            id="until-before-since",
        ),
        pytest.param({"ids": ["\0"]}, "ids has a NUL", id="nul"),
        pytest.param({"source": "\ud800"}, "source has a NUL or half", id="half-a-character"),
        pytest.param({"ids": ["d1"], "note": "\ud800"}, "note has a NUL or half", id="note"),
        pytest.param([], "no JSON object", id="list"),
    ],
)
async def test_a_bad_order_is_refused_with_its_fix(
    api: httpx.AsyncClient, path: str, body: Any, names: str
) -> None:
    if isinstance(body, dict):
        body = {"note": "because", **body}
    answer = await api.post(path, content=json.dumps(body))
    assert answer.status_code == 400
    assert names in answer.json()["detail"]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(b"{", 400, id="cut-off"),
        pytest.param(b"\xff", 400, id="no-utf-8"),
        pytest.param(b"[" * 500_000, 400, id="deep"),
        pytest.param(b'{"reason": "a", "reason": "b"}', 400, id="a-name-twice"),
        pytest.param(b'{"limit": 1e400, "state": "failed"}', 400, id="overflow"),
        pytest.param(b'{"limit": ' + b"9" * 5000 + b"}", 400, id="digits"),
        pytest.param(b" " * 2_000_000, 413, id="large"),
    ],
)
async def test_a_body_that_is_no_order_is_refused(
    api: httpx.AsyncClient, raw: bytes, status: int
) -> None:
    assert (await api.post("/api/replays", content=raw)).status_code == status


async def test_another_method_is_told_all_that_are_served_at_the_path(
    api: httpx.AsyncClient,
) -> None:
    answer = await api.delete("/api/replays")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert "use GET, HEAD, POST" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "misspelt", "right"),
    [
        ("deliveries", {"source": "zendsk"}, "zendesk"),
        ("deliveries", {"rule": "solvd"}, "solved"),
        ("deliveries", {"state": "recordd"}, "recorded"),
        ("deliveries", {"reason": "unprised"}, "unpriced"),
        ("failures", {"source": "Zendesk"}, "zendesk"),
        ("billing-events", {"agent": "suport-agent"}, "support-agent"),
        ("billing-events", {"indicator": "ticket-resolve"}, "ticket-resolved"),
        ("billing-events?after=", {"source": "zendsk"}, "zendesk"),
        ("billing-events?format=csv", {"source": "zendsk"}, "zendesk"),
        ("billing-events", {"kind": "chargee"}, "charge"),
        ("revenue", {"rule": "solvd"}, "solved"),
        ("revenue", {"currency": "UDS"}, ""),
        ("rejections", {"source": "zendsk"}, "zendesk"),
        ("rejections", {"cause": "wrong-signatur"}, "wrong-signature"),
        ("actions", {"kind": "replya"}, "replay"),
    ],
)
async def test_a_misspelt_name_is_400_with_the_nearest(
    api: httpx.AsyncClient, path: str, misspelt: dict[str, str], right: str
) -> None:
    path, _, query = path.partition("?")
    given = {**dict([query.split("=")] if query else ()), **misspelt}
    answer = await api.get(f"/api/{path}", params=given)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == "bad-parameter"
    assert (f"did you mean {right}?" if right else "'UDS'") in answer.json()["detail"]


@pytest.mark.parametrize("path", ["replays", "discards", "reversals"])
async def test_a_misspelt_name_begins_nothing(api: httpx.AsyncClient, path: str) -> None:
    given = {"source": "zendsk", "note": "why", "dry_run": True}
    answer = await api.post(f"/api/{path}", json=given)
    assert answer.status_code == 400
    assert "did you mean zendesk?" in answer.json()["detail"]


async def test_what_may_come_yet_is_an_empty_list(api: httpx.AsyncClient, rows: Rows) -> None:
    """A customer is known when it is first billed; a source or rule that is gone by its records."""
    await rows.delivery("failed", source="gone", rule="of-old", reason="mapping")
    for path, given in (
        ("billing-events", {"customer": "not-billed-yet"}),
        ("billing-events", {"agent": "support-agent", "currency": "EUR"}),
        ("deliveries", {"source": "gone", "rule": "of-old"}),
        ("rejections", {"source": "unknown", "cause": "unknown-path"}),
    ):
        answer = await api.get(f"/api/{path}", params=given)
        assert answer.status_code == 200, answer.text
