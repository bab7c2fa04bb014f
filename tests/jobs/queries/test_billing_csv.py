"""The CSV of the ledger: what a strict reader gets back, and what a spreadsheet must not run."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from jobs.filters import BillingFilter
from jobs.queries.ledger.billing_events import BillingEventItem, all_billing_events
from jobs.queries.ledger.export import csv_header, csv_lines
from jobs.storage.database import Database
from tests.support.rows import START, Rows


def item(**values: Any) -> BillingEventItem:
    fields = {
        "id": "b1",
        "kind": "charge",
        "agent_id": "support-agent",
        "customer_id": "acme",
        "indicator": "ticket-resolved",
        "amount": "0.99",
        "currency": "USD",
        "occurred_at": START,
        "recorded_at": START,
        "delivery_id": None,
        "source": "desk",
        "outcome": "solved",
        "outcome_key": '["desk","solved","1"]',
        "sequence": 1,
        "reverses": None,
        "meta_tags": {},
    }
    return BillingEventItem(**{**fields, **values})


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_a_line_reads_back_as_the_item() -> None:
    odd = item(customer_id='Doe, "J"\nBerlin', meta_tags={"channel": "crm"}, amount="-0.99")
    [row] = read(csv_header() + csv_lines([odd]))
    assert row == {
        "id": "b1",
        "kind": "charge",
        "agent_id": "support-agent",
        "customer_id": 'Doe, "J"\nBerlin',
        "indicator": "ticket-resolved",
        "amount": "-0.99",
        "currency": "USD",
        "occurred_at": "2026-05-01T12:00:00Z",
        "recorded_at": "2026-05-01T12:00:00Z",
        "delivery_id": "",
        "source": "desk",
        "outcome": "solved",
        "outcome_key": '["desk","solved","1"]',
        "sequence": "1",
        "reverses": "",
        "meta_tags": '{"channel": "crm"}',
    }


def test_lines_end_as_the_rfc_says_and_the_header_is_the_api_s_fields() -> None:
    text = csv_header() + csv_lines([item(), item(id="b2")])
    assert text.count("\r\n") == text.count("\n") == 3
    assert text.startswith(",".join(BillingEventItem.model_fields) + "\r\n")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
@pytest.mark.parametrize(
    "column", ["agent_id", "customer_id", "indicator", "source", "outcome", "outcome_key"]
)
def test_no_text_is_a_formula(column: str, start: str) -> None:
    [row] = read(csv_header() + csv_lines([item(**{column: f"{start}HYPERLINK(A1)"})]))
    assert row[column] == f"'{start}HYPERLINK(A1)"


def test_a_negative_amount_stays_a_number() -> None:
    [row] = read(csv_header() + csv_lines([item(amount="-1234.56")]))
    assert float(row["amount"]) == -1234.56


async def test_all_pages_come_once_each_latest_first(
    database: Database, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        await rows.charge()
    monkeypatch.setattr("jobs.queries.ledger.billing_events.MAX_LIMIT", 2)
    sizes, ids = [], []
    async for page in all_billing_events(database, BillingFilter()):
        sizes.append(len(page))
        ids += [one.id for one in page]
    assert (sizes, ids) == ([2, 2, 1], ["b5", "b4", "b3", "b2", "b1"])
    some = [
        one.id
        async for page in all_billing_events(database, BillingFilter(), limit=3)
        for one in page
    ]
    assert some == ["b5", "b4", "b3"]
