from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import make_url, select

from jobs.ledger.fold import Settlement
from jobs.ledger.recording import MappedDelivery, Recorder
from jobs.ledger.repository import lock_keys
from jobs.replays.items import note_results
from jobs.settling.claims import claim
from jobs.settling.mapper import delivery_input
from jobs.settling.settle import Settler
from jobs.storage.schema import billing_events, customers, deliveries, mapping_versions, outcomes
from mappings.engine.loading.load import load
from mappings.engine.types import VersionText
from receiver.signatures import RULES
from tests.jobs import model
from tests.jobs.builders import DAWN
from tests.jobs.doubles import FakeMappings, bill, body, in_order, needing, undo
from tests.jobs.workshop import Workshop
from tests.support.postgres import Postgres


async def test_of_a_hundred_events_three_bill(workshop: Workshop) -> None:
    claims = [bill(f"deal-{number}", event=number) for number in (7, 8, 99)]
    (delivery_id,) = await workshop.post(body(*claims, events=100))
    await (await workshop.settler()).settle([delivery_id])
    row = await workshop.delivery(delivery_id)
    assert (row.state, row.reason, row.detail, row.attempts) == ("recorded", None, None, 1)
    assert row.settled_at is not None
    events = await workshop.all(select(billing_events).order_by(billing_events.c.event_index))
    assert [(event.event_index, event.kind) for event in events] == [
        (7, "charge"),
        (8, "charge"),
        (99, "charge"),
    ]
    assert {event.delivery_id for event in events} == {delivery_id}
    assert await workshop.open_micros() == {f"deal-{n}": 990_000 for n in (7, 8, 99)}


async def test_one_bad_event_holds_back_the_good_ones_until_it_is_fixed(
    workshop: Workshop,
) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    claims = [bill(f"deal-{number}") for number in range(99)]
    (delivery_id,) = await workshop.post(body(*claims, bill("deal-99", needs="a price")))
    await settler.settle([delivery_id])
    row = await workshop.delivery(delivery_id)
    assert (row.state, row.reason, row.rule, row.held_back) == (
        "failed",
        "unpriced",
        "resolved",
        99,
    )
    assert "holds back 99 good outcomes" in row.detail
    assert await workshop.count(outcomes) == 0
    assert await workshop.count(billing_events) == 0
    fake.knows.add("a price")
    await workshop.inbox.accept(next(iter(in_order([row.body]))))  # another delivery, same events
    await settler.settle([*workshop.rung])
    assert len(await workshop.open_micros()) == 100


@pytest.mark.parametrize("reason", ["parse", "mapping", "unmapped", "unpriced"])
async def test_a_permanent_failure_has_its_reason_and_keeps_the_bytes(
    workshop: Workshop, reason: str
) -> None:
    content = body(bill("key", needs="acme", reason=reason))
    (delivery_id,) = await workshop.post(content)
    await (await workshop.settler()).settle([delivery_id])
    row = await workshop.delivery(delivery_id)
    assert (row.state, row.reason, row.rule) == ("failed", reason, "resolved")
    assert (row.detail, row.body) == ("nothing is known of acme", content)


async def test_what_no_rule_matches_is_ignored(workshop: Workshop) -> None:
    (delivery_id,) = await workshop.post(body(events=3))
    await (await workshop.settler()).settle([delivery_id])
    row = await workshop.delivery(delivery_id)
    assert (row.state, row.reason) == ("ignored", "no-outcome")
    assert row.detail == "no rule matched any of its 3 events"


async def test_shadow_mode_shows_what_it_would_bill_and_records_nothing(
    workshop: Workshop,
) -> None:
    (delivery_id,) = await workshop.post(body(bill("key"), shadow=True))
    await (await workshop.settler()).settle([delivery_id])
    row = await workshop.delivery(delivery_id)
    assert (row.state, row.reason) == ("ignored", "shadow")
    assert row.detail == "would bill charge of agent / acme / resolved 0.99 USD"
    assert await workshop.count(outcomes) == 0


async def test_a_source_without_a_mapping_fails_visibly(workshop: Workshop) -> None:
    nothing = load({}, timezone="UTC", schemes=RULES)
    settler = Settler(workshop.database, lambda: nothing, note_results=note_results)
    await settler.start()
    (delivery_id,) = await workshop.post(body(bill("key")), source="unknown")
    await settler.settle([delivery_id])
    await settler.close()
    row = await workshop.delivery(delivery_id)
    assert (row.state, row.reason) == ("failed", "mapping")
    assert "source unknown" in row.detail


async def test_the_same_outcome_in_another_delivery_is_recorded_and_bills_nothing(
    workshop: Workshop,
) -> None:
    settler = await workshop.settler()
    first, second = await workshop.post(body(bill("key")), body(bill("key"), changed=True))
    await settler.settle([first])
    await settler.settle([second])
    assert await workshop.states() == {"recorded": 2}
    assert await workshop.verdicts(first) == ["charged"]
    assert await workshop.verdicts(second) == ["duplicate"]
    assert await workshop.count(billing_events) == 1


async def test_settling_again_posts_nothing(workshop: Workshop) -> None:
    settler = await workshop.settler()
    ids = await workshop.post(body(bill("key")), body(undo("key")), body())
    for _ in range(3):
        await settler.settle(ids)
        await workshop.make_due(*ids)
    assert await workshop.count(outcomes) == 2
    assert await workshop.open_micros() == {}
    assert (await workshop.delivery(ids[0])).attempts == 1


async def test_deliveries_are_folded_in_the_order_they_were_received(workshop: Workshop) -> None:
    """At one mapped time the first recorded stands, whatever the order of the ids asked for."""
    ids = await workshop.post(*(body(bill("key", at=DAWN, micros=n)) for n in range(1, 20)))
    await (await workshop.settler()).settle(random.sample(ids, len(ids)))
    assert await workshop.open_micros() == {"key": 1}
    ordinals = await workshop.all(select(outcomes.c.delivery_id).order_by(outcomes.c.ordinal))
    assert [row.delivery_id for row in ordinals] == ids


async def test_a_conflict_fails_alone_and_the_first_recorded_stands(workshop: Workshop) -> None:
    ids = await workshop.post(
        body(bill("a")),
        body(bill("b"), bill("a", customer="globex")),
        body(bill("b", customer="globex")),
    )
    await (await workshop.settler()).settle(ids)
    rows = [await workshop.delivery(one) for one in ids]
    assert [(row.state, row.reason) for row in rows] == [
        ("recorded", None),
        ("failed", "conflict"),
        ("recorded", None),
    ]
    assert (
        "agent / acme / resolved; the mapping now gives agent / globex / resolved" in rows[1].detail
    )
    assert rows[1].held_back == 1
    billed = {key: ledger[0].billed_as for key, ledger in (await workshop.ledgers()).items()}
    assert billed == {"a": "acme", "b": "globex"}


async def test_a_recorded_outcome_keeps_all_that_was_mapped(workshop: Workshop) -> None:
    (delivery_id,) = await workshop.post(body(bill("key", at=DAWN)))
    await (await workshop.settler()).settle([delivery_id])
    (recorded,) = await workshop.all(select(outcomes))
    (event,) = await workshop.all(select(billing_events))
    assert (recorded.outcome_key, recorded.ordinal, recorded.rule, recorded.source) == (
        "key",
        1,
        "resolved",
        "crm",
    )
    assert (recorded.kind, recorded.verdict, recorded.billing_event_id) == (
        "charge",
        "charged",
        event.id,
    )
    assert (event.outcome_id, event.sequence, event.reverses) == (recorded.id, 1, None)
    for row in (recorded, event):
        assert (row.agent_id, row.customer_id, row.indicator) == ("agent", "acme", "resolved")
        assert (row.amount_micros, row.currency, row.occurred_at) == (990_000, "USD", DAWN)
        assert (row.mapping_version, row.price_version) == ("mapping-1", "prices-1")
        assert (row.delivery_id, row.event_index) == (delivery_id, 0)


async def test_an_untimed_charge_occurred_when_it_was_received(workshop: Workshop) -> None:
    (delivery_id,) = await workshop.post(body(bill("key")))
    await (await workshop.settler()).settle([delivery_id])
    (recorded,) = await workshop.all(select(outcomes))
    (event,) = await workshop.all(select(billing_events))
    assert recorded.occurred_at is None
    assert event.occurred_at == (await workshop.delivery(delivery_id)).received_at


async def test_a_reversal_of_a_charge_settled_long_ago_takes_its_amount(
    workshop: Workshop,
) -> None:
    cheap, dear = FakeMappings(), FakeMappings("mapping-2")
    dear.micros = 5_000_000
    (charged,) = await workshop.post(body(bill("key", at=DAWN)))
    await (await workshop.settler(cheap)).settle([charged])
    taken_back, again = await workshop.post(
        body(undo("key", at=DAWN + timedelta(days=1))),
        body(bill("key", at=DAWN + timedelta(days=2))),
    )
    await (await workshop.settler(dear)).settle([taken_back, again])
    ledger = (await workshop.ledgers())["key"]
    assert [line.micros for line in ledger] == [990_000, -990_000, 5_000_000]
    assert model.open_line(ledger) is not None


async def test_customers_are_known_from_their_first_charge_on(workshop: Workshop) -> None:
    settler = await workshop.settler()
    ids = await workshop.post(
        body(undo("waiting")),
        body(bill("a", customer="globex")),
        body(bill("b", customer="acme"), bill("c", customer="globex")),
        body(bill("d", customer="unpriced", needs="a price")),
    )
    await settler.settle(ids[:1])
    assert await workshop.count(customers) == 0
    await settler.settle(ids)
    first = {row.id: row.first_billed_at for row in await workshop.all(select(customers))}
    assert sorted(first) == ["acme", "globex"]
    await settler.settle(await workshop.post(body(bill("e", customer="acme"))))
    again = {row.id: row.first_billed_at for row in await workshop.all(select(customers))}
    assert again == first


async def test_the_texts_that_billed_are_kept_with_their_tables(workshop: Workshop) -> None:
    fake = FakeMappings()
    fake.versions = {
        "mapping-1": VersionText(
            kind="mapping", name="crm.yaml", text="é", parts={"companies": "table-1"}
        ),
        "table-1": VersionText(kind="table", name="companies", text="7: acme"),
        "table-2": VersionText(kind="table", name="unused", text="8: globex"),
        "prices-1": VersionText(kind="catalogue", name="agents.yaml", text="agents:"),
    }
    settler = await workshop.settler(fake)
    ignored, failed = await workshop.post(body(), body(needing("a price", bill("key"))))
    await settler.settle([ignored, failed])
    assert await workshop.count(mapping_versions) == 0
    for _ in range(2):
        await settler.settle(await workshop.post(body(bill("key"))))
    kept = {row.version: row for row in await workshop.all(select(mapping_versions))}
    assert sorted(kept) == ["mapping-1", "prices-1", "table-1"]
    assert (kept["mapping-1"].text, kept["mapping-1"].parts) == ("é", {"companies": "table-1"})
    assert (kept["table-1"].kind, kept["table-1"].name) == ("table", "companies")


async def test_two_workers_at_the_same_deliveries_bill_each_once(workshop: Workshop) -> None:
    settlers = [await workshop.settler() for _ in range(2)]
    ids = await workshop.post(*(body(bill(f"key-{number % 150}")) for number in range(300)))
    await asyncio.gather(
        settlers[0].settle(ids), settlers[1].settle(ids[::-1]), settlers[0].settle(ids[::-1])
    )
    await settlers[0].settle(ids)  # a slow disk can leave some released, for the sweeper to find
    assert await workshop.states() == {"recorded": 300}
    assert await workshop.count(outcomes) == 300
    assert len(await workshop.open_micros()) == 150
    assert await workshop.count(billing_events) == 150
    assert await workshop.all(select(deliveries.c.id).where(deliveries.c.attempts != 1)) == []


async def test_two_versions_of_the_mappings_bill_a_delivery_once(workshop: Workshop) -> None:
    old, new = FakeMappings(), FakeMappings("mapping-2", "prices-2")
    new.micros = 2_000_000
    settlers = [await workshop.settler(one) for one in (old, new)]
    ids = await workshop.post(*(body(bill(f"key-{number}")) for number in range(100)))
    await asyncio.gather(*(settler.settle(ids) for settler in settlers))
    assert await workshop.states() == {"recorded": 100}
    assert await workshop.count(billing_events) == 100
    events = await workshop.all(select(billing_events))
    assert {(one.mapping_version, one.price_version, one.amount_micros) for one in events} <= {
        ("mapping-1", "prices-1", 990_000),
        ("mapping-2", "prices-2", 2_000_000),
    }
    used = {one.mapping_version for one in events} | {one.price_version for one in events}
    kept = await workshop.all(select(mapping_versions.c.version))
    assert {row.version for row in kept} == used


async def test_a_stricter_database_changes_nothing(
    on_postgres: Workshop, postgres: Postgres, logs: list[Any]
) -> None:
    """What is read under a lock is read as of now, whatever the server's default is."""
    name = make_url(on_postgres.url).database or ""
    setting = f"ALTER DATABASE {name} SET default_transaction_isolation"
    postgres.sql(name, f"{setting} = 'repeatable read'")
    try:
        settlers = [await on_postgres.settler() for _ in range(2)]
        for _ in range(3):  # the second time the keys are known, and locked only
            ids = await on_postgres.post(*(body(bill(f"key-{n // 2}")) for n in range(200)))
            await asyncio.gather(settlers[0].settle(ids[::2]), settlers[1].settle(ids[1::2]))
    finally:
        postgres.sql(name, f"{setting} TO DEFAULT")
    assert {entry["event"] for entry in logs} == {"settled"}, "no attempt failed"
    assert await on_postgres.states() == {"recorded": 600}
    assert await on_postgres.count(billing_events) == 100


async def test_one_delivery_mapped_twice_is_recorded_once(workshop: Workshop) -> None:
    """Two workers hold the same mapped delivery, as when a lease ran out under a blocked loop."""
    (delivery_id,) = await workshop.post(body(bill("key")))
    (claimed,) = await claim(workshop.database, [delivery_id])
    fake = FakeMappings()
    work = MappedDelivery(claimed, fake.map(delivery_input(claimed, oldest_days=None)))
    late = MappedDelivery(replace(claimed, attempts=2), work.mapped)
    recorders = [Recorder(workshop.new_database(), note_results) for _ in range(2)]
    settlements = await asyncio.gather(
        recorders[0].settle([work], fake.versions),
        recorders[1].settle([late], fake.versions),
    )
    assert sorted(len(found) for found in settlements) == [0, 1]
    assert await recorders[1].settle([late], fake.versions) == {}
    assert await workshop.count(outcomes) == 1
    assert await workshop.count(billing_events) == 1


async def test_what_waited_for_a_lock_is_recorded_when_it_is_written(workshop: Workshop) -> None:
    """Not when it began to wait: a period that was closed meanwhile must not change any more."""
    (delivery_id,) = await workshop.post(body(bill("key")))
    (claimed,) = await claim(workshop.database, [delivery_id])
    fake = FakeMappings()
    work = MappedDelivery(claimed, fake.map(delivery_input(claimed, oldest_days=None)))
    recorder = Recorder(workshop.new_database(), note_results)
    async with workshop.new_database().write() as other:
        await lock_keys(workshop.database, other, ["key"])
        waiting = asyncio.create_task(recorder.settle([work], fake.versions))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        released_at = datetime.now(UTC)
    await waiting
    (event,) = await workshop.all(select(billing_events))
    assert event.recorded_at >= released_at


async def test_the_longest_key_fits_both_databases(workshop: Workshop) -> None:
    """2600 bytes that no compression shortens, as an index of PostgreSQL has to hold them."""
    key = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=2600))
    (delivery_id,) = await workshop.post(body(bill(key)))
    await (await workshop.settler()).settle([delivery_id])
    assert await workshop.open_micros() == {key: 990_000}


async def test_a_source_that_maps_slowly_does_not_hold_up_the_others(workshop: Workshop) -> None:
    settler = await workshop.settler(FakeMappings())
    slow = await workshop.post(
        *[body(bill(f"slow-{n}"), takes_seconds=0.1) for n in range(40)], source="slow"
    )
    working = asyncio.create_task(settler.settle(slow))
    await asyncio.sleep(0.5)
    quick = await workshop.post(body(bill("quick")), source="quick")
    async with asyncio.timeout(6):
        await settler.settle(quick)
    assert (await workshop.delivery(quick[0])).state == "recorded"
    assert not working.done()
    await working
    rows = [await workshop.delivery(one) for one in slow]
    assert {(row.state, row.attempts) for row in rows} == {("recorded", 1)}
    assert len(await workshop.open_micros()) == 41


async def test_outcomes_by_the_thousand_are_recorded_in_several_transactions(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled: list[int] = []
    settle = Recorder.settle

    async def counting(
        self: Recorder, work: Sequence[MappedDelivery], versions: Mapping[str, VersionText]
    ) -> dict[str, Settlement]:
        settled.append(len(work))
        return await settle(self, work, versions)

    monkeypatch.setattr(Recorder, "settle", counting)
    ids = await workshop.post(
        *[body(*[bill(f"k-{n}-{event}") for event in range(400)]) for n in range(6)]
    )
    await (await workshop.settler()).settle(ids)
    assert settled == [3, 3]
    assert len(await workshop.open_micros()) == 2_400
