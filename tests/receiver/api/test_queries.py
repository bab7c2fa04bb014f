import base64
import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from jobs.intake.rejections import Rejected, RejectionBook
from jobs.queries.exceptions.texts import KINDS
from jobs.storage.database import Database
from receiver.api import Dependencies
from receiver.health.collector import DatabaseCounts
from receiver.health.metrics import Metrics
from receiver.sources.clock_lag import ClockLags
from tests.support.rows import Rows


async def test_status_has_exactly_the_promised_names(api: httpx.AsyncClient, rows: Rows) -> None:
    await rows.accepted(1)
    await rows.delivery("recorded")
    answer = await api.get("/api/status")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "accepted": 1,
        "received": 0,
        "recorded": 1,
        "ignored": 0,
        "failed": 0,
        "discarded": 0,
        "oldest_received_age_seconds": None,
    }


async def test_deliveries_page_by_cursor_and_filter(api: httpx.AsyncClient, rows: Rows) -> None:
    for state in ("failed", "recorded", "failed"):
        await rows.delivery(state)
    first = (await api.get("/api/deliveries", params={"state": "failed", "limit": 1})).json()
    assert [item["id"] for item in first["items"]] == ["d3"]
    rest = await api.get("/api/deliveries", params={"state": "failed", "cursor": first["next"]})
    assert rest.json()["next"] is None
    assert [item["id"] for item in rest.json()["items"]] == ["d1"]


async def test_ids_are_separated_by_commas(api: httpx.AsyncClient, rows: Rows) -> None:
    for _ in range(3):
        await rows.delivery()
    found = (await api.get("/api/deliveries?ids=d1,d3")).json()
    assert [item["id"] for item in found["items"]] == ["d3", "d1"]


@pytest.mark.parametrize(
    "since",
    [
        pytest.param("2026-05-01T12:00:02Z", id="utc"),
        pytest.param("2026-05-01T14:00:02%2B02:00", id="offset"),
        pytest.param("2026-05-01T14:00:02+02:00", id="plus-not-escaped"),
    ],
)
async def test_since_is_any_way_to_write_a_moment(
    api: httpx.AsyncClient, rows: Rows, since: str
) -> None:
    for _ in range(3):
        await rows.delivery()
    found = (await api.get(f"/api/deliveries?since={since}")).json()
    assert [item["id"] for item in found["items"]] == ["d3", "d2"]


async def test_one_delivery_adds_headers_body_outcomes_and_billing_events(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    await rows.charge()
    found = (await api.get("/api/deliveries/d1")).json()
    assert found["headers"] == {"content-type": "application/json"}
    assert json.loads(found["body"]) == {"ticket": 1}
    assert [one["verdict"] for one in found["outcomes"]] == ["charged"]
    assert [one["amount"] for one in found["billing_events"]] == ["0.99"]


async def test_billing_events_filter_and_sum(api: httpx.AsyncClient, rows: Rows) -> None:
    await rows.charge(customer_id="globex")
    await rows.reversal(await rows.charge())
    found = (await api.get("/api/billing-events?customer=acme")).json()
    assert [(one["kind"], one["amount"]) for one in found["items"]] == [
        ("reversal", "-0.99"),
        ("charge", "0.99"),
    ]
    revenue = (await api.get("/api/revenue?by=customer,month")).json()
    assert revenue.pop("complete_until")
    assert revenue == {
        "items": [
            {
                "customer": "acme",
                "month": "2026-05",
                "currency": "USD",
                "charges": 1,
                "reversals": 1,
                "amount": "0.00",
            },
            {
                "customer": "globex",
                "month": "2026-05",
                "currency": "USD",
                "charges": 1,
                "reversals": 0,
                "amount": "0.99",
            },
        ],
        "next": None,
    }


async def test_revenue_by_recorded_time(api: httpx.AsyncClient, rows: Rows) -> None:
    await rows.charge(
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC), recorded_at=datetime(2026, 2, 1, tzinfo=UTC)
    )
    found = (await api.get("/api/revenue?by=month&basis=recorded")).json()
    assert [item["month"] for item in found["items"]] == ["2026-02"]


async def test_a_group_of_failures_is_listed_and_replayed_alone(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    for agent in "abb":
        await rows.failure("unpriced", f"no price for agent {agent}", rule="solved")
    larger, group = (await api.get("/api/failures")).json()["items"]
    assert (larger["count"], group["count"]) == (2, 1)
    of_group = (await api.get(f"/api/deliveries?group={group['id']}")).json()["items"]
    assert [one["detail"] for one in of_group] == ["no price for agent a"]
    begun = await api.post("/api/replays", json={"group": group["id"]})
    assert (begun.status_code, begun.json()["matched"]) == (202, 1)


async def test_failures_and_rules_are_lists(api: httpx.AsyncClient, rows: Rows) -> None:
    await rows.failure("unpriced", "no price for agent a", rule="solved", held_back=1)
    [group] = (await api.get("/api/failures")).json()["items"]
    command = "receiver replay --source zendesk --reason unpriced --rule solved --group"
    assert group["replay"] == f"{command} {group['id']}"
    assert (await api.get("/api/rules")).json() == {
        "items": [
            {
                "source": "zendesk",
                "rule": "solved",
                "mode": "live",
                "matched": 0,
                "errored": 1,
                "last_match": None,
                "never_matched_in": 0,
            }
        ],
        "next": None,
    }


async def test_a_database_that_is_away_is_503(api: httpx.AsyncClient, database: Database) -> None:
    def away() -> None:
        raise ConnectionRefusedError("connection refused")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(database.engine), "connect", lambda _: away())
        answer = await api.get("/api/status")
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    assert "retry-after" in answer.headers


async def test_a_bug_is_500_and_tells_nothing(api: httpx.AsyncClient, parts: Dependencies) -> None:
    def broken() -> None:
        raise ZeroDivisionError("the secret is 42")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(parts.database.engine), "connect", lambda _: broken())
        answer = await api.get("/api/status")
    assert (answer.status_code, answer.json()["error"]) == (500, "internal")
    assert "42" not in answer.text


@pytest.mark.parametrize("text", ["\0", "\ud800"], ids=["nul", "half-a-character"])
async def test_a_cursor_that_no_database_can_hold_is_unknown(
    api: httpx.AsyncClient, text: str
) -> None:
    parts = json.dumps(["deliveries", "2026-05-01T12:00:00+00:00", text]).encode()
    cursor = base64.urlsafe_b64encode(parts).decode().rstrip("=")
    answer = await api.get(f"/api/deliveries?cursor={cursor}")
    assert (answer.status_code, answer.json()["error"]) == (400, "bad-parameter")


@pytest.mark.parametrize("path", ["/api/deliveries/%00", "/api/replays/%00"])
async def test_an_id_that_no_database_can_hold_is_404(api: httpx.AsyncClient, path: str) -> None:
    assert (await api.get(path)).status_code == 404


async def test_rejections_are_a_list_as_the_others(
    api: httpx.AsyncClient, database: Database
) -> None:
    book = RejectionBook(database)
    for number in range(3):
        book.add(
            Rejected(
                at=datetime(2026, 5, 1, 12, 0, number, tzinfo=UTC),
                source="zendesk" if number else "unknown",
                cause="wrong-signature",
                detail="no signature matches",
                remote="::1",
                header_names=("host",),
                body_bytes=2,
                body_sha256="0" * 64,
            )
        )
    await book.flush()
    first = (await api.get("/api/rejections", params={"source": "zendesk", "limit": 1})).json()
    [item] = first["items"]
    assert item.pop("id")
    assert item == {
        "at": "2026-05-01T12:00:02Z",
        "source": "zendesk",
        "cause": "wrong-signature",
        "detail": "no signature matches",
        "remote": "::1",
        "header_names": ["host"],
        "body_bytes": 2,
        "body_sha256": "0" * 64,
        **dict.fromkeys(("path", "nearest_source", "remediation")),
        "count": 1,
    }
    rest = await api.get(
        "/api/rejections", params={"source": "zendesk", "cursor": first["next"], "limit": 1}
    )
    assert [one["at"] for one in rest.json()["items"]] == ["2026-05-01T12:00:01Z"]
    refused = await api.get("/api/rejections", params={"reason": "x"})
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        pytest.param("&format=csv", {}, id="format"),
        pytest.param("", {"Accept": "text/csv"}, id="accept"),
        pytest.param("", {"Accept": "text/csv;q=0.9, */*;q=0.1"}, id="accept-rated"),
    ],
)
async def test_billing_events_come_as_csv(
    api: httpx.AsyncClient, rows: Rows, query: str, headers: dict[str, str]
) -> None:
    await rows.charge(customer_id="=cmd|'/C calc'!A0")
    await rows.charge(customer_id="globex")
    await rows.reversal(await rows.charge(customer_id="globex"), customer_id="globex")
    found = await api.get(f"/api/billing-events?source=zendesk{query}", headers=headers)
    assert found.status_code == 200
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(found.text, newline=""), strict=True))
    assert [(one["customer_id"], one["amount"]) for one in lines] == [
        ("globex", "-0.99"),
        ("globex", "0.99"),
        ("globex", "0.99"),
        ("'=cmd|'/C calc'!A0", "0.99"),
    ]


async def test_csv_is_all_that_fits_unless_a_limit_is_named(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    for _ in range(4):
        await rows.charge()
    every = await api.get("/api/billing-events?format=csv")
    some = await api.get("/api/billing-events?format=csv&limit=2")
    assert (every.text.count("\r\n"), some.text.count("\r\n")) == (5, 3)
    refused = await api.get("/api/billing-events?format=csv&cursor=nonsense")
    assert (refused.status_code, refused.json()["error"]) == (400, "bad-parameter")


async def test_json_wins_over_what_the_caller_would_also_take(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    await rows.charge()
    answer = await api.get("/api/billing-events?format=json", headers={"Accept": "text/csv"})
    assert [one["id"] for one in answer.json()["items"]] == ["b1"]
    answer = await api.get("/api/billing-events", headers={"Accept": "text/csv;q=0"})
    assert [one["id"] for one in answer.json()["items"]] == ["b1"]


async def test_one_billing_event_comes_with_its_story(api: httpx.AsyncClient, rows: Rows) -> None:
    charge = await rows.charge()
    found = (await api.get(f"/api/billing-events/{charge}")).json()
    assert (found["id"], found["outcome_key"]) == (charge, '["zendesk","solved","1"]')
    assert found["delivery"]["id"] == found["delivery_id"] == "d1"
    assert [one["verdict"] for one in found["outcomes"]] == ["charged"]
    missing = await api.get("/api/billing-events/b9")
    assert (missing.status_code, missing.json()["error"]) == (404, "not-found")


async def test_what_people_did_and_began_is_listed(api: httpx.AsyncClient, rows: Rows) -> None:
    await rows.failure("unmapped", "no key")
    await rows.failure("parse", "no JSON")
    begun = await api.post("/api/replays", json={"reason": "unmapped", "note": "mapped now"})
    await api.post("/api/discards", json={"reason": "parse", "note": "test data"})
    done = (await api.get("/api/actions")).json()["items"]
    assert [(one["kind"], one["actor"], one["count"], one["note"]) for one in done] == [
        ("discard", "api", 1, "test data"),
        ("replay", "api", 1, "mapped now"),
    ]
    page = (await api.get("/api/actions?limit=1")).json()
    [rest] = (await api.get("/api/actions", params={"cursor": page["next"]})).json()["items"]
    assert rest["kind"] == "replay"
    assert (await api.get("/api/actions?kind=purge")).json() == {"items": [], "next": None}
    assert (await api.get("/api/actions?kind=revers")).status_code == 400
    [replay] = (await api.get("/api/replays")).json()["items"]
    progress = (await api.get(f"/api/replays/{begun.json()['id']}")).json()
    assert replay["filter"] == {"state": "failed", "reason": "unmapped"}
    progress.pop("differences")
    assert {name: replay[name] for name in progress} == progress


async def test_sources_say_what_is_missing(api: httpx.AsyncClient, rows: Rows) -> None:
    await rows.delivery()
    [found] = (await api.get("/api/sources")).json()["items"]
    assert (found["source"], found["deliveries"]) == ("zendesk", 1)
    assert found["missing"] == ["the secret ZENDESK_SECRET"]


async def test_exceptions_are_listed_by_kind_and_counted_in_metrics(
    api: httpx.AsyncClient, rows: Rows, parts: Dependencies
) -> None:
    assert (await api.get("/api/exceptions")).json() == {"items": [], "next": None}
    await rows.charge()
    await rows.outcome(
        await rows.delivery(),
        outcome_key='["zendesk","solved","1"]',
        ordinal=2,
        verdict="duplicate",
        amount_micros=7,
    )
    (item,) = (await api.get("/api/exceptions?kind=amount-differs")).json()["items"]
    assert (item["kind"], item["count"]) == ("amount-differs", 1)
    assert item["examples"][0]["reported"] == {"currency": "USD", "amount": "0.000007"}
    assert (await api.get("/api/exceptions?kind=unused-price")).json()["items"] == []
    refused = await api.get("/api/exceptions?examples=-1")
    assert refused.json()["detail"] == "examples is -1; give a number from 0 to 1000"
    metrics = Metrics()
    lags = ClockLags()
    counts = DatabaseCounts(
        parts.database, metrics, folder=Path(), lags=lags, mappings=parts.mappings
    )
    await counts.refresh()
    known = {
        kind: metrics.registry.get_sample_value("receiver_exceptions", {"kind": kind})
        for kind in KINDS
    }
    assert known == {
        "waiting-reversal": 0,
        "amount-differs": 1,
        "lookalike-customer": 0,
        "unused-price": 0,
    }


async def test_the_start_of_an_id_is_taken(api: httpx.AsyncClient, rows: Rows) -> None:
    first, second = "0198f2c4-5f7b-7c3e-9f55-0c6bd5a1f2d0", "0198f2c4-6f7b-7c3e-9f55-0c6bd5a1f2d0"
    for one in (first, second):
        await rows.delivery(id=one)
    assert (await api.get(f"/api/deliveries/{first[:13]}")).json()["id"] == first
    listed = (await api.get(f"/api/deliveries?ids={second[:13]}")).json()["items"]
    assert [one["id"] for one in listed] == [second]
    several = await api.get(f"/api/deliveries/{first[:8]}")
    assert several.status_code == 400
    assert first in several.json()["detail"]
    assert second in several.json()["detail"]
