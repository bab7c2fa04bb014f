"""Lists and evidence stay right after corrections by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from jobs.filters import BillingFilter, DeliveryFilter
from jobs.mapping_store import read_stored
from jobs.queries.deliveries.evidence import read_delivery
from jobs.queries.deliveries.listing import list_deliveries
from jobs.queries.deliveries.status import read_status
from jobs.queries.ledger.billing_events import list_billing_events
from jobs.queries.ledger.revenue import read_revenue
from jobs.queries.sources.rules import read_rules
from tests.jobs.builders import at
from tests.jobs.desk import Desk
from tests.jobs.doubles import FakeMappings, bill
from tests.jobs.workshop import Workshop

EVERYTHING = BillingFilter()


@pytest.fixture
async def desk(workshop: Workshop) -> Desk:
    """Three deliveries: one reversed by hand, one rebilled for 30, one as it was."""
    fake = FakeMappings()
    desk = Desk(workshop, fake, await workshop.settler(fake))
    ids = await desk.settle(*(bill(key, at=at(1)) for key in ("reversed", "rebilled", "kept")))
    await desk.reverse(ids[0])
    fake.micros = 30
    await desk.rebill(ids[1])
    return desk


async def _ids(desk: Desk) -> list[str]:
    """Of the deliveries, in the order received."""
    found = await list_deliveries(desk.workshop.database, DeliveryFilter())
    return [one.id for one in reversed(found.items)]


async def test_a_delivery_shows_what_was_taken_back_of_it_by_hand_and_why(desk: Desk) -> None:
    found = await read_delivery(desk.workshop.database, (await _ids(desk))[0])
    assert found is not None
    assert [(one.verdict, one.action_id is None) for one in found.outcomes] == [
        ("charged", True),
        ("reversed", False),
    ]
    assert [(one.kind, one.amount) for one in found.billing_events] == [
        ("charge", "0.99"),
        ("reversal", "-0.99"),
    ]
    assert found.billing_events[1].delivery_id is None
    assert [(one.id, one.kind, one.actor, one.note) for one in found.actions] == [
        (found.outcomes[1].action_id, "reverse", "test", "a mistake")
    ]


async def test_a_delivery_shows_what_was_rebilled_and_what_it_replaces(desk: Desk) -> None:
    found = await read_delivery(desk.workshop.database, (await _ids(desk))[1])
    assert found is not None
    first, rebilled = found.outcomes
    assert (first.verdict, first.replaces, first.amount) == ("charged", None, "0.99")
    assert (rebilled.verdict, rebilled.replaces, rebilled.amount) == (
        "charged",
        first.id,
        "0.00003",
    )
    assert [one.amount for one in found.billing_events] == ["0.99", "-0.99", "0.00003"]
    assert [one.kind for one in found.actions] == ["rebill"]


async def test_a_delivery_shows_corrections_in_the_order_in_which_they_were_made(
    desk: Desk,
) -> None:
    reversed_by_hand = (await _ids(desk))[0]
    await desk.reinstate(reversed_by_hand)
    await desk.reverse(reversed_by_hand)
    found = await read_delivery(desk.workshop.database, reversed_by_hand)
    assert found is not None
    assert [one.kind for one in found.outcomes] == [
        "charge",
        "reversal",
        "reinstatement",
        "reversal",
    ]


async def test_a_list_counts_what_the_deliveries_said(desk: Desk) -> None:
    found = await list_deliveries(desk.workshop.database, DeliveryFilter())
    assert [one.outcomes for one in found.items] == [1, 1, 1]


async def test_billing_events_and_revenue_have_the_lines_of_corrections(desk: Desk) -> None:
    database = desk.workshop.database
    lines = (await list_billing_events(database, EVERYTHING)).items
    assert len(lines) == 6
    assert {one.outcome for one in lines} == {"resolved"}
    assert [one.source for one in lines if one.delivery_id is None] == ["crm"]
    (total,) = (await read_revenue(database, EVERYTHING, by=[], zone=ZoneInfo("UTC"))).items
    assert (total.charges, total.reversals, total.amount) == (4, 2, "0.99003")


async def test_revenue_by_day_shows_a_reversal_when_it_was_made_and_a_rebill_on_the_old_day(
    desk: Desk,
) -> None:
    where = BillingFilter()
    found = await read_revenue(desk.workshop.database, where, by=["day"], zone=ZoneInfo("UTC"))
    today = datetime.now(UTC).date().isoformat()
    assert {one.day: one.amount for one in found.items} == {
        today: "-0.99",
        "2026-03-01": "1.98003",
    }


async def test_rules_count_no_correction_as_a_match_and_balance_stays(desk: Desk) -> None:
    (rule,) = await read_rules(desk.workshop.database, [])
    assert (rule.rule, rule.matched) == ("resolved", 3)
    assert (await read_status(desk.workshop.database)).balances


async def test_a_rule_has_billed_by_the_text_of_what_was_rebilled_last(desk: Desk) -> None:
    desk.fake.__init__("mapping-2", "prices-2")  # type: ignore[misc]
    desk.fake.micros = 40
    await desk.rebill((await _ids(desk))[2])
    await desk.reverse((await _ids(desk))[2])
    first, last = (await read_stored(desk.workshop.database)).history.billed
    assert (last.source, last.rule, last.text) == ("crm", "resolved", "text of mapping-2")
    assert first.text == "text of mapping-1"
