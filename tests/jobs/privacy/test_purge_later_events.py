"""What comes in after a purge: no copy bills again, and the pseudonym is billed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from jobs.filters import DeliveryFilter
from jobs.privacy.purge_report import PurgeReport
from jobs.replays.dry_run import dry_run
from jobs.storage.schema import (
    billing_events,
    customers,
)
from tests.jobs.doubles import FakeMappings, bill, body, incoming, mapping_set, needing, undo
from tests.jobs.privacy.purging import everywhere, key, purged, settled
from tests.jobs.workshop import Workshop

COPIES = {
    "the outcome again": ("crm", [bill(key("acme", "1"))]),
    "from another source of its scope": ("erp", [bill(key("acme", scope="deals"))]),
    "with another among it": ("crm", [bill(key("9"), customer="globex"), bill(key("2"))]),
}


@pytest.mark.parametrize(("source", "events"), COPIES.values(), ids=COPIES.keys())
async def test_a_later_copy_bills_nothing(
    workshop: Workshop, source: str, events: list[dict[str, Any]]
) -> None:
    first = [bill(key("acme", "1")), bill(key("2")), bill(key("acme", scope="deals"))]
    await settled(workshop, body(*first))
    report = await purged(workshop)
    owed = (await workshop.open_micros()).values()
    (again,) = await settled(workshop, body(*events), source=source)
    row = await workshop.delivery(again)
    assert row.state == "recorded", row.detail
    assert (await workshop.verdicts(again))[-1] == "duplicate"
    billed = await workshop.all(select(billing_events).where(_of(report)))
    assert len(billed) == len(owed) == 3
    assert await workshop.all(select(customers).where(customers.c.id == "acme")) == []


def _of(report: PurgeReport) -> Any:
    return billing_events.c.customer_id == report.pseudonym


async def test_the_same_post_again_is_the_same_delivery(workshop: Workshop) -> None:
    post = incoming(body(bill(key("acme", "1"))), vendor_id="evt-1")
    (first,) = await workshop.accept([post])
    settler = await workshop.settler()
    await settler.settle([first])
    await purged(workshop)
    again = await workshop.inbox.accept(post)
    assert (again.delivery_id, again.duplicate) == (first, True)
    fake = FakeMappings()
    where = DeliveryFilter(state="recorded")
    status = await workshop.replay(settler, fake, where)
    assert (status.unchanged, status.unchanged_no_body, status.differences) == (1, 1, [])
    assert await workshop.count(billing_events) == 1


async def test_a_later_new_outcome_bills_under_the_pseudonym(workshop: Workshop) -> None:
    await settled(workshop, body(bill(key("acme", "1"))))
    report = await purged(workshop)
    (new,) = await settled(workshop, body(bill(key("acme", "2"), tags={"mail": "zoe"})))
    assert await workshop.verdicts(new) == ["charged"]
    lines = await workshop.all(select(billing_events).order_by(billing_events.c.id))
    assert {line.customer_id for line in lines} == {report.pseudonym}
    assert lines[-1].outcome_key == key(report.pseudonym or "", "2")
    assert lines[-1].meta_tags == {}
    # Asked again, its body goes as well.
    assert (await purged(workshop)).bodies == 1
    assert await everywhere(workshop, "acme") == []


async def test_a_reversal_finds_its_charge_whether_or_not_the_id_is_in_its_key(
    workshop: Workshop,
) -> None:
    await settled(workshop, body(bill(key("acme", "1"))), body(bill(key("2"))))
    await purged(workshop)
    ids = await settled(workshop, body(undo(key("acme", "1"))), body(undo(key("2"))))
    assert [await workshop.verdicts(one) for one in ids] == [["reversed"], ["reversed"]]
    assert await workshop.open_micros() == {}


async def test_a_reversal_that_waits_is_purged_with_its_key(workshop: Workshop) -> None:
    (waiting,) = await settled(workshop, body(undo(key("acme", "1"))))
    assert await workshop.verdicts(waiting) == ["waiting"]
    report = await purged(workshop)
    assert (await workshop.delivery(waiting)).evidence == "purged"
    assert (report.ledger.outcomes, report.ledger.keys) == (1, 1)


async def test_a_charge_of_another_price_corrects_under_the_pseudonym(workshop: Workshop) -> None:
    """The earlier charge counts: it comes late, takes the place, and everything stays theirs."""
    now = await workshop.now()
    late = bill(key("acme", "1"), at=now, micros=9)
    early = bill(key("acme", "1"), at=now - timedelta(minutes=1), micros=4)
    await settled(workshop, body(late))
    report = await purged(workshop)
    await settled(workshop, body(early))
    lines = await workshop.all(select(billing_events).order_by(billing_events.c.sequence))
    assert [line.amount_micros for line in lines] == [9, -9, 4]
    assert {line.customer_id for line in lines} == {report.pseudonym}


async def test_what_is_compared_or_rehearsed_knows_the_pseudonym(workshop: Workshop) -> None:
    """The body of a later copy is kept: nothing differs, nothing would bill, nothing is written."""
    await settled(workshop, body(bill(key("acme", "1"))))
    await purged(workshop)
    (copy,) = await settled(workshop, body(bill(key("acme", "1"))))
    fake = FakeMappings()
    where = DeliveryFilter(ids=(copy,), state="recorded")
    assert (await dry_run(workshop.database, mapping_set(fake), where)).differences == []
    status = await workshop.replay(await workshop.settler(fake), fake, where)
    assert (status.unchanged, status.unchanged_no_body, status.differences) == (1, 0, [])
    ignored = await settled(workshop, body(bill(key("acme", "1")), shadow=True))
    rehearsed = DeliveryFilter(ids=tuple(ignored), state="ignored")
    await workshop.run(
        "UPDATE deliveries SET body = :b WHERE id = :i",
        b=body(bill(key("acme", "1"))),
        i=ignored[0],
    )
    found = await dry_run(workshop.database, mapping_set(fake), rehearsed)
    assert (found.would, found.amounts_micros) == ({"recorded": 1}, {})


async def test_another_customers_key_keeps_working_where_the_id_is_a_value_of_it(
    workshop: Workshop,
) -> None:
    """A ticket may have the number of a customer: the key is replaced, the rest is not theirs."""
    events = bill(key("8001"), customer="globex", tags={"k": "v"})
    (kept,) = await settled(workshop, body(events))
    await settled(workshop, body(bill(key("1"), customer="8001")))
    report = await purged(workshop, "8001")
    assert (await workshop.delivery(kept)).evidence == "kept"
    (line,) = await workshop.all(
        select(billing_events).where(billing_events.c.customer_id == "globex")
    )
    assert (line.outcome_key, line.meta_tags) == (key(report.pseudonym or ""), {"k": "v"})
    (again,) = await settled(workshop, body(events))
    assert await workshop.verdicts(again) == ["duplicate"]
    (undone,) = await settled(workshop, body(undo(key("8001"))))
    assert await workshop.verdicts(undone) == ["reversed"]


async def test_a_failed_delivery_of_theirs_settles_under_the_pseudonym(workshop: Workshop) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await workshop.post(body(bill(key("1"))), body(bill(key("acme", "2"), needs="a price")))
    await settler.settle(ids)
    report = await purged(workshop)
    fake.knows.add("a price")
    status = await workshop.replay(settler, fake, DeliveryFilter(reason="unpriced"))
    assert status.recorded == 1
    lines = await workshop.all(select(billing_events.c.customer_id))
    assert {row.customer_id for row in lines} == {report.pseudonym}
    assert await workshop.open_micros() == {
        key("1"): 990_000,
        key(report.pseudonym or "", "2"): 990_000,
    }


async def test_a_failure_after_the_purge_quotes_the_pseudonym(workshop: Workshop) -> None:
    await settled(workshop, body(bill(key("acme", "1"))))
    report = await purged(workshop)
    events = needing('"acme" in the table', bill(key("2")))
    (failed,) = await settled(workshop, body(events))
    detail = (await workshop.delivery(failed)).detail
    assert detail == f'nothing is known of "{report.pseudonym}" in the table'
