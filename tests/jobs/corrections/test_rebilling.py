"""Charges rebilled by hand, through the database, by what the mapping gives now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select

from jobs.corrections.remapper import Remapper
from jobs.privacy.evidence import WHY_GONE
from jobs.privacy.pseudonyms import pseudonym_of
from jobs.storage.schema import (
    billing_events,
    mapping_versions,
    outcomes,
    pseudonym_keys,
    purged_customers,
)
from tests.jobs.builders import at
from tests.jobs.desk import Desk
from tests.jobs.doubles import bill, undo


@pytest.mark.parametrize("second", [1, None], ids=["timed", "untimed"])
async def test_a_charge_is_rebilled_by_what_the_mapping_gives_now(
    desk: Desk, second: int | None
) -> None:
    (delivery,) = await desk.settle(bill("key", at=at(second)))
    old = await desk.open_line("key")
    desk.fake.__init__("mapping-2", "prices-2")  # type: ignore[misc]
    desk.fake.micros, desk.fake.customer = 30, "globex"
    done = await desk.rebill(delivery)
    assert (done.kind, done.corrected) == ("rebill", 1)
    assert done.amounts == [{"currency": "USD", "amount": "-0.98997"}]
    _, taken_back, new = await desk.workshop.all(
        select(billing_events).order_by(billing_events.c.sequence)
    )
    assert (taken_back.reverses, taken_back.amount_micros) == (old.id, -990_000)
    assert (new.amount_micros, new.customer_id, new.delivery_id) == (30, "globex", delivery)
    assert {taken_back.occurred_at, new.occurred_at} == {old.occurred_at}
    (outcome,) = await desk.workshop.all(select(outcomes).where(outcomes.c.action_id.is_not(None)))
    (first,) = await desk.workshop.all(select(outcomes).where(outcomes.c.action_id.is_(None)))
    assert (outcome.replaces, outcome.place, outcome.ordinal) == (first.id, 1, 2)
    assert (outcome.delivery_id, outcome.event_index, outcome.verdict) == (delivery, 0, "charged")
    assert outcome.occurred_at == first.occurred_at
    kept = await desk.workshop.all(select(mapping_versions.c.version))
    assert {row.version for row in kept} == {"mapping-1", "prices-1", "mapping-2", "prices-2"}


async def test_a_charge_may_be_rebilled_again_and_then_taken_back(desk: Desk) -> None:
    ids = await desk.settle(bill("key", at=at(1), micros=10))
    for micros in (30, 30, 20):
        desk.fake.micros = micros
        await desk.rebill(*ids)
    assert await desk.ledger("key") == [10, -10, 30, -30, 20]
    found = await desk.workshop.all(select(outcomes.c.place).order_by(outcomes.c.ordinal))
    assert [row.place for row in found] == [None, 1, 1]
    await desk.reverse(*ids)
    assert (await desk.ledger("key"))[-1] == -20


async def test_what_is_taken_back_is_not_rebilled_and_the_remedy_is_named(desk: Desk) -> None:
    by_hand, by_vendor = await desk.settle(bill("by hand"), bill("by vendor"))
    await desk.reverse(by_hand)
    line = (await desk.open_line("by hand")).reverses
    (undone,) = await desk.settle(undo("by vendor"))
    desk.fake.micros = 30
    before = await desk.counts()
    done = await desk.rebill(by_hand, by_vendor)
    assert (done.corrected, done.unchanged, done.refused) == (0, 0, 2)
    reasons = {one["delivery"]: one["reason"] for one in done.refusals}
    assert f"bring it back with `receiver reinstate {line}`" in reasons[by_hand]
    assert f"delivery {undone} took it back" in reasons[by_vendor]
    assert await desk.counts() == before


async def test_a_line_that_was_replaced_stands_for_its_outcome(desk: Desk) -> None:
    ids = await desk.settle(bill("key"))
    old = (await desk.open_line("key")).id
    desk.fake.micros = 30
    await desk.rebill(old)
    assert (await desk.rebill(old)).unchanged == 1
    desk.fake.micros = 40
    assert (await desk.rebill(old)).corrected == 1
    refused = await desk.rebill(old, origin=ids[0])
    assert f"billed by {(await desk.open_line('key')).id} by now" in refused.refusals[0]["reason"]


async def test_what_the_mapping_gives_as_it_was_billed_is_not_rebilled(desk: Desk) -> None:
    await desk.settle(bill("a"), bill("b"))
    before = await desk.counts()
    done = await desk.rebill()
    assert (done.corrected, done.unchanged, done.id) == (0, 2, None)
    assert await desk.counts() == before


async def test_what_cannot_be_rebilled_is_named_and_the_others_go_on(desk: Desk) -> None:
    ids = await desk.settle(bill("gone"), bill("kept"), bill("erased"))
    for place, evidence in ((0, "expired"), (2, "purged")):
        await desk.workshop.run(
            "UPDATE deliveries SET body = NULL, evidence = :evidence WHERE id = :id",
            evidence=evidence,
            id=ids[place],
        )
    desk.fake.micros = 30
    done = await desk.rebill()
    assert (done.corrected, done.refused) == (1, 2)
    assert [(one["delivery"], one["reason"]) for one in done.refusals] == [
        (ids[0], f"the body of its delivery {WHY_GONE['expired']}"),
        (ids[2], f"the body of its delivery {WHY_GONE['purged']}"),
    ]
    assert await desk.workshop.open_micros() == {"gone": 990_000, "kept": 30, "erased": 990_000}


async def test_a_customer_who_was_erased_is_rebilled_under_the_pseudonym(desk: Desk) -> None:
    secret = "0f" * 32
    pseudonym = pseudonym_of("acme", secret=secret)
    now = datetime.now(UTC)
    async with desk.workshop.database.write() as connection:
        key = {"id": 1, "secret": secret, "created_at": now}
        await connection.execute(insert(pseudonym_keys).values(**key))
        row = {"pseudonym": pseudonym, "purged_at": now}
        await connection.execute(insert(purged_customers).values(**row))
    ids = await desk.settle(bill("key"))
    desk.fake.micros = 30
    assert (await desk.rebill(*ids)).corrected == 1
    line = await desk.open_line("key")
    assert (line.customer_id, line.amount_micros) == (pseudonym, 30)


async def test_a_mapping_that_no_longer_gives_the_key_is_refused(desk: Desk) -> None:
    ids = await desk.settle(bill("key"))
    desk.fake.suffix = " again"
    done = await desk.rebill(*ids)
    assert done.refusals[0]["reason"] == "the mapping gives no charge of the key key now"
    assert await desk.ledger("key") == [990_000]


async def test_a_key_of_which_more_was_recorded_meanwhile_is_refused_and_goes_the_next_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await desk.settle(bill("key", at=at(5), micros=10, amount="latest"))
    desk.fake.micros = 30
    remap = Remapper.of

    async def asked_before_more_comes(self: Remapper, *args: Any) -> Any:
        found = await remap(self, *args)
        desk.fake.micros = None
        await desk.settle(bill("key", at=at(5), micros=10, amount="latest"))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Remapper, "of", asked_before_more_comes)
        done = await desk.rebill(*ids)
    assert (done.corrected, done.refused) == (0, 1)
    assert "run it again" in done.refusals[0]["reason"]
    desk.fake.micros = 30
    assert (await desk.rebill(*ids)).corrected == 1
    assert await desk.workshop.open_micros() == {"key": 30}
