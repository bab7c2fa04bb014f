from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from rich.cells import cell_len

from jobs.common.money import sums
from jobs.queries.deliveries.evidence import DeliveryEvidence
from jobs.queries.ledger.billing_events import BillingEventItem
from jobs.queries.ledger.outcomes import OutcomeItem
from receiver.feed.lines import first_part
from receiver.local.demo_report import COLUMNS, Posted, rows
from receiver.terminal.output import Output
from tests.support.terminal import be_terminal, unstyled

NOW = datetime(2026, 11, 1, tzinfo=UTC)
TRIPLE = {"agent_id": "bot", "customer_id": "acme", "indicator": "solved"}
KEY = '["crm","won","7"]'


def event(amount: str, number: int = 1) -> BillingEventItem:
    return BillingEventItem(
        id=f"event-{number}", kind="charge", amount=amount, currency="USD", occurred_at=NOW,
        recorded_at=NOW, delivery_id="d", source="crm", outcome="won", outcome_key=KEY,
        sequence=number, reverses=None, meta_tags={}, **TRIPLE,
    )  # fmt: skip


def outcome(verdict: str, billing_event: str | None = None) -> OutcomeItem:
    return OutcomeItem(
        id="o", event_index=0, rule="won", outcome_key=KEY, kind="charge", occurred_at=NOW,
        recorded_at=NOW, amount="1", currency="USD", value=None, meta_tags={},
        mapping_version="m", price_version="p", verdict=verdict, billing_event_id=billing_event,
        replaces=None, action_id=None, **TRIPLE,
    )  # fmt: skip


def posted(*, status: int = 202, state: str = "recorded", **more: Any) -> Posted:
    evidence = DeliveryEvidence(
        id="d", source="crm", state=state, reason=more.pop("reason", None),
        detail=more.pop("detail", None), rule=None, attempts=1, duplicates=0, received_at=NOW,
        settled_at=NOW, vendor_id=None,
        verified_by=None,
        body_sha256="0" * 64,
        headers={}, body="{}", body_encoding=None, evidence="kept",
        redacted=0,
        outcomes=more.pop("outcomes", ()), billing_events=more.pop("billing_events", ()),
        actions=(),
    )  # fmt: skip
    return Posted(
        source="crm", example="crm-won", status=status, answer="accepted", evidence=evidence
    )


def said(one: Posted) -> list[tuple[str, ...]]:
    return [tuple(str(cell) for cell in row) for row in rows(one)]


def test_what_was_billed_is_said_for_each_outcome() -> None:
    one = posted(
        outcomes=(outcome("charged", "event-1"), outcome("charged", "event-2")),
        billing_events=(event("1.00"), event("2.50", 2)),
    )
    assert said(one) == [
        ("crm", "won", "202", "recorded", "bot · acme · solved", "1.00 USD"),
        ("", "", "", "", "bot · acme · solved", "2.50 USD"),
    ]


@pytest.mark.parametrize(
    ("one", "became", "why"),
    [
        pytest.param(
            posted(outcomes=(outcome("duplicate"),)),
            "recorded",
            f"nothing: billed before, as {KEY}",
            id="outcome-billed-before",
        ),
        pytest.param(
            posted(outcomes=(outcome("waiting"),)),
            "recorded",
            f"nothing: no charge to take back yet, of {KEY}",
            id="reversal-first",
        ),
        pytest.param(
            posted(status=200, outcomes=(outcome("charged", "event-1"),)),
            "recorded",
            "nothing more: this delivery came before",
            id="delivery-came-before",
        ),
        pytest.param(
            posted(state="failed", reason="unpriced", detail="No such agent. Add it."),
            "failed: unpriced",
            "nothing: No such agent",
            id="failed",
        ),
        pytest.param(
            posted(state="ignored", reason="no-outcome", detail="no rule matched its event"),
            "ignored: no-outcome",
            "nothing: no rule matched its event",
            id="ignored",
        ),
    ],
)
def test_why_nothing_was_billed_is_said(one: Posted, became: str, why: str) -> None:
    assert [row[3:] for row in said(one)] == [(became, why, "")]


def test_a_refused_example_is_said() -> None:
    one = Posted(source="crm", example="x", status=401, answer="unauthorized", evidence=None)
    assert said(one) == [("crm", "x", "401", "refused", "nothing: unauthorized", "")]


def test_sums_are_by_currency() -> None:
    amounts = [("USD", Decimal("1.50")), ("EUR", Decimal("2.00")), ("USD", Decimal("-0.25"))]
    assert sums(amounts) == "2.00 EUR, 1.25 USD"


@pytest.mark.parametrize(
    ("detail", "part"),
    [
        ("Rule a: no agent `x`. Add it.", "Rule a: no agent `x`"),
        ('no key "1.5/2"; add it', 'no key "1.5/2"'),
        ("only this.", "only this"),
        ("", ""),
    ],
)
def test_the_first_part_of_a_detail_says_what_is_wrong(detail: str, part: str) -> None:
    assert first_part(detail) == part


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_table_is_no_wider_than_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be_terminal(monkeypatch, columns)
    two = posted(
        outcomes=(outcome("charged", "event-1"), outcome("charged", "event-2")),
        billing_events=(event("1.00"), event("-2500.00", 2)),
    )
    failed = posted(state="failed", reason="unmapped", detail=f"no key {'x' * 30} in companies")
    Output().table(COLUMNS, [row for one in (two, failed) for row in rows(one)], titles=2)
    printed = unstyled(capsys.readouterr().out)
    if columns == 60:
        assert "crm  won\n" in printed, "the title of a paragraph is the source and its example"
        assert "why nothing was" not in printed, "what was billed needs no name before it"
    assert all(cell_len(line.rstrip()) <= columns for line in printed.splitlines())
    for words in ("bot · acme · solved", "-2500.00 USD", "x" * 30):
        assert words in printed
