"""A customer is erased: the id is in no table and no file any more, and every sum stays."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from jobs.audits.books import faults_of_keys
from jobs.common.ids import new_id
from jobs.filters import DeliveryFilter
from jobs.privacy.purge import survey
from jobs.privacy.purge_report import KeysCollide, NeverBilled, PseudonymGiven
from jobs.storage.schema import (
    actions,
    billing_events,
    customers,
    deliveries,
    metadata,
    outcome_keys,
    outcomes,
    pseudonym_keys,
    replay_items,
)
from tests.jobs.doubles import FakeMappings, bill, body, undo
from tests.jobs.privacy.purging import everywhere, key, purged, settled, sums
from tests.jobs.workshop import Workshop


def on_disk(workshop: Workshop, word: str) -> list[str]:
    """The files of a SQLite database that have the word somewhere in their bytes."""
    path = Path(str(workshop.database.engine.url.database))
    return [one.name for one in path.parent.iterdir() if word.encode() in one.read_bytes()]


async def test_the_id_is_nowhere_any_more_and_no_sum_has_changed(workshop: Workshop) -> None:
    tagged = bill(key("acme", "1"), tags={"mail": "zoe at acme"})
    await settled(
        workshop,
        body(tagged),
        body(tagged),
        body(undo(key("acme", "1"))),
        body(bill(key("2"), micros=5), bill(key("3"), customer="globex", tags={"k": "kept"})),
        body(bill(key("4"), customer="globex")),
        body(bill(key("5"), customer="acme-corp")),
        body(bill(key("6")), shadow=True),
    )
    before = await sums(workshop)
    report = await purged(workshop, note="asked by acme")
    stand_in = report.pseudonym or ""
    assert stand_in.startswith("purged-")
    assert await sums(workshop) == before
    left = [one for one in await everywhere(workshop, "acme") if "acme-corp" not in one]
    # A shadow delivery billed no customer: its body is named, and not removed.
    assert [one.partition(":")[0] for one in left] == ["deliveries.body"]
    assert (report.ledger.outcomes, report.bodies, report.shared_bodies) == (4, 4, 1)
    rows = await workshop.all(select(customers.c.id).order_by(customers.c.id))
    assert [row.id for row in rows] == sorted(["acme-corp", "globex", stand_in])
    (other,) = await workshop.all(
        select(outcomes.c.meta_tags).where(outcomes.c.outcome_key == key("3"))
    )
    assert other.meta_tags == {"k": "kept"}


async def test_linked_bodies_go_also_where_others_are_in_them(workshop: Workshop) -> None:
    ids = await settled(
        workshop,
        body(bill(key("1"))),
        body(bill(key("2")), bill(key("3"), customer="globex")),
        body(bill(key("4"), customer="globex")),
        body(undo(key("1"))),
    )
    await purged(workshop)
    rows = [await workshop.delivery(one) for one in ids]
    assert [row.evidence for row in rows] == ["purged", "purged", "kept", "purged"]
    assert [row.body is None for row in rows] == [True, True, False, True]
    assert [row.headers == {} for row in rows] == [True, True, False, True]
    assert [row.state for row in rows] == ["recorded"] * 4


async def test_it_is_noted_once_under_the_pseudonym(workshop: Workshop) -> None:
    await settled(workshop, body(bill(key("acme", "1"))), body(undo(key("acme", "1"))))
    report = await purged(workshop, note="erasure of acme, ticket 7")
    (action,) = await workshop.all(select(actions))
    assert (action.kind, action.actor, action.count) == ("purge", "ada", 4)
    assert action.filter == {"customer": report.pseudonym}
    assert action.note == f"erasure of {report.pseudonym}, ticket 7"
    assert action.detail == {
        "outcomes": 2,
        "billing_events": 2,
        "outcome_keys": 1,
        "actions": 0,
        "bodies": 2,
    }


async def test_differences_and_details_lose_the_id(workshop: Workshop) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    first = await settled(workshop, body(bill(key("1"))), body(bill(key("1"), customer="globex")))
    assert "acme" in (await workshop.delivery(first[1])).detail
    fake.micros = 7
    where = DeliveryFilter(ids=(first[0],), state="recorded")
    assert len((await workshop.replay(settler, fake, where)).differences) == 1
    report = await purged(workshop)
    assert report.elsewhere.texts == 2
    assert report.pseudonym in (await workshop.delivery(first[1])).detail
    (item,) = await workshop.all(select(replay_items.c.differences))
    assert item.differences[0]["billed"]["customer_id"] == report.pseudonym


async def test_what_people_did_loses_the_id(workshop: Workshop) -> None:
    await settled(workshop, body(bill(key("1"))))
    row = {"kind": "reverse", "actor": "ada", "count": 1, "detail": {"run": "r"}}
    async with workshop.database.write() as connection:
        await connection.execute(
            insert(actions).values(
                **row,
                id=new_id(),
                at=await workshop.now(),
                filter={"customer": "acme"},
                note="acme said so; acme-corp did not",
            )
        )
    report = await purged(workshop)
    first = (await workshop.all(select(actions).order_by(actions.c.id)))[0]
    assert first.filter == {"customer": report.pseudonym}
    assert first.note == f"{report.pseudonym} said so; acme-corp did not"
    assert (first.kind, first.count, first.detail) == ("reverse", 1, {"run": "r"})


async def test_what_a_person_did_by_hand_is_the_customers_too(workshop: Workshop) -> None:
    """Without a delivery; the reversal without a customer belongs to whose key it is."""
    await settled(workshop, body(bill(key("acme", "1"))))
    recorded = (await workshop.all(select(outcomes)))[0]._mapping
    action, charge = new_id(), new_id()
    by_hand = {
        **recorded, "id": charge, "ordinal": 2, "delivery_id": None, "action_id": action,
        "replaces": recorded["id"], "place": 1, "meta_tags": {"mail": "zoe"},
    }  # fmt: skip
    undone = {
        **by_hand, "id": new_id(), "ordinal": 3, "kind": "reversal", "customer_id": None,
        "replaces": None, "place": None, "amount_micros": None,
    }  # fmt: skip
    async with workshop.database.write() as connection:
        values = {"kind": "rebill", "actor": "a", "count": 1, "filter": {}, "detail": {}}
        at = await workshop.now()
        await connection.execute(insert(actions).values(**values, id=action, at=at))
        await connection.execute(insert(outcomes), [by_hand, undone])
    report = await purged(workshop)
    rows = await workshop.all(select(outcomes).order_by(outcomes.c.ordinal))
    assert [row.customer_id for row in rows] == [report.pseudonym, report.pseudonym, None]
    assert {row.outcome_key for row in rows} == {key(report.pseudonym or "", "1")}
    assert [row.meta_tags for row in rows] == [{}, {}, {}]
    assert (rows[1].replaces, rows[1].place, rows[1].action_id) == (recorded["id"], 1, action)


async def test_every_purge_has_the_same_secret_and_each_customer_its_own_pseudonym(
    workshop: Workshop,
) -> None:
    await settled(workshop, body(bill(key("1"))), body(bill(key("2"), customer="globex")))
    one, other = await purged(workshop), await purged(workshop, "globex")
    assert one.pseudonym != other.pseudonym
    assert await workshop.count(pseudonym_keys) == 1


async def test_again_it_finds_nothing_and_says_when_it_was(workshop: Workshop) -> None:
    await settled(workshop, body(bill(key("acme", "1"))))
    first = await purged(workshop)
    found = await survey(workshop.database, "acme")
    assert (found.pseudonym, found.found) == (first.pseudonym, False)
    assert found.purged_at is not None
    await purged(workshop)
    assert await workshop.count(actions) == 1, "what changes nothing is not noted"


async def test_a_survey_counts_and_changes_nothing(workshop: Workshop) -> None:
    await settled(
        workshop,
        body(bill(key("acme", "1"))),
        body(bill(key("2")), bill(key("3"), customer="globex")),
        body(undo(key("2"))),
    )
    rows = [await workshop.all(select(table)) for table in metadata.sorted_tables]
    found = await survey(workshop.database, "acme")
    assert [await workshop.all(select(table)) for table in metadata.sorted_tables] == rows
    assert (found.pseudonym, found.bodies, found.shared_bodies) == (None, 3, 1)
    assert (found.ledger.outcomes, found.ledger.billing_events, found.ledger.keys) == (2, 3, 1)
    did = await purged(workshop)
    assert (did.ledger.rows, did.bodies, did.shared_bodies) == (found.ledger.rows, 3, 1)


async def test_who_was_never_billed_is_refused(workshop: Workshop) -> None:
    await settled(workshop, body(bill(key("1"), customer="acme-corp")))
    with pytest.raises(NeverBilled, match="no customer was ever billed as 'acme'"):
        await survey(workshop.database, "acme")
    assert await workshop.count(pseudonym_keys) == 0


async def test_who_is_only_in_a_key_or_a_text_is_erased_there(workshop: Workshop) -> None:
    ids = await settled(
        workshop,
        body(bill(key("acme"), customer="globex")),
        body(bill(key("9")), shadow=True),
    )
    report = await purged(workshop)
    assert (report.ledger.keys, report.elsewhere.texts, report.bodies) == (1, 1, 0)
    assert report.pseudonym in (await workshop.delivery(ids[1])).detail


async def test_bodies_that_nothing_links_are_counted_and_named(workshop: Workshop) -> None:
    await settled(workshop, body(bill(key("1"))))
    waiting = body(bill(key("2"), needs="a price"))
    ids = await settled(
        workshop,
        waiting,
        body(bill(key("3"), customer="globex"), note="on behalf of acme"),
        body(),
    )
    await workshop.post(body(bill(key("4"), customer="globex")))
    report = await purged(workshop)
    assert report.elsewhere.unlinked == {"failed": 1, "ignored": 1, "received": 1}
    assert sorted(report.elsewhere.mentioned_in) == sorted(ids[:2])
    row = await workshop.delivery(ids[0])
    assert (row.state, row.evidence, row.body) == (
        "failed",
        "kept",
        body(bill(key("2"), needs="a price")),
    )


async def test_a_pseudonym_is_no_customer_to_be_purged(workshop: Workshop) -> None:
    await settled(workshop, body(bill(key("1"))))
    report = await purged(workshop)
    with pytest.raises(PseudonymGiven, match="is itself a pseudonym"):
        await survey(workshop.database, report.pseudonym or "")


async def test_a_key_that_billed_under_both_names_is_refused_and_nothing_is_changed(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a process of an older version would leave it, which knows of no purge."""
    await settled(workshop, body(bill(key("acme", "1"))))
    await purged(workshop)

    async def knows_no_pseudonym(_: object, mapped: Any) -> Any:
        return mapped

    with monkeypatch.context() as older:
        older.setattr("jobs.ledger.recording.pseudonymize", knows_no_pseudonym)
        await settled(workshop, body(bill(key("acme", "1"))), body(bill(key("acme", "2"))))
    rows = [await workshop.all(select(table)) for table in metadata.sorted_tables]
    with pytest.raises(KeysCollide, match="Nothing was changed"):
        await purged(workshop)
    assert [await workshop.all(select(table)) for table in metadata.sorted_tables] == rows


async def test_an_unused_row_of_the_new_key_is_in_no_ones_way(workshop: Workshop) -> None:
    await settled(workshop, body(bill(key("acme", "1"))))
    async with workshop.database.write() as connection:
        await connection.execute(insert(outcome_keys).values(outcome_key=key("acme", "unused")))
    report = await purged(workshop)
    rows = await workshop.all(select(outcome_keys.c.outcome_key))
    assert [row.outcome_key for row in rows] == [key(report.pseudonym or "", "1")]


@pytest.mark.parametrize("customer", ['quote"d', "Zoë & Söhne", "100%_a\\b", "a.b c"])
async def test_any_id_that_can_be_billed_can_be_erased(workshop: Workshop, customer: str) -> None:
    events = bill(key(customer, "1"), customer=customer)
    await settled(workshop, body(events), body({**events, "customer": "globex"}))
    report = await purged(workshop, customer)
    assert (report.ledger.keys, report.bodies, report.elsewhere.texts) == (1, 1, 1)
    (again,) = await settled(workshop, body(events))
    assert await workshop.verdicts(again) == ["duplicate"]
    assert customer not in str(await workshop.all(select(deliveries.c.detail)))


async def test_the_books_are_right_after_a_purge(workshop: Workshop) -> None:
    await settled(
        workshop,
        body(bill(key("acme", "1")), bill(key("2"))),
        body(undo(key("acme", "1"))),
        body(bill(key("acme", "1"), micros=3)),
        body(bill(key("3"), customer="globex")),
    )
    await purged(workshop)
    await settled(workshop, body(bill(key("acme", "4"))), body(undo(key("2"))))
    keys = [row.outcome_key for row in await workshop.all(select(outcome_keys.c.outcome_key))]
    async with workshop.database.read() as connection:
        assert await faults_of_keys(connection, keys) == []
    assert await workshop.is_balanced()


async def test_a_key_that_billed_two_customers_in_turn_keeps_what_is_the_others(
    workshop: Workshop,
) -> None:
    shared, now = key("acme", "1"), await workshop.now()
    events = [
        bill(shared, at=now - timedelta(minutes=3), tags={"n": "1"}),
        undo(shared, at=now - timedelta(minutes=2)),
        bill(shared, at=now - timedelta(minutes=1), customer="globex", tags={"n": "2"}),
    ]
    await settled(workshop, *(body(one) for one in events))
    before = await sums(workshop)
    report = await purged(workshop)
    assert await sums(workshop) == before
    lines = await workshop.all(select(billing_events).order_by(billing_events.c.sequence))
    assert [line.customer_id for line in lines] == [report.pseudonym, report.pseudonym, "globex"]
    assert [line.meta_tags for line in lines] == [{}, {}, {"n": "2"}]
    assert {line.outcome_key for line in lines} == {key(report.pseudonym or "", "1")}


@pytest.fixture
def sqlite_that_leaves_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite as it is built by most: what is removed stays in the file until written over."""
    connect = sqlite3.connect

    def connecting(*args: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **named)
        connection.execute("PRAGMA secure_delete=OFF")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connecting)


@pytest.mark.usefixtures("sqlite_that_leaves_bytes")
async def test_no_byte_of_a_purged_id_is_left_in_sqlites_files(on_sqlite: Workshop) -> None:
    events = (bill(key("mary-miller", str(number)), customer="mary-miller") for number in range(5))
    await settled(on_sqlite, *(body(one, note="of mary-miller " * 600) for one in events))
    assert on_disk(on_sqlite, "mary-miller") == ["receiver.db-wal"]
    await purged(on_sqlite, "mary-miller")
    assert on_disk(on_sqlite, "mary-miller") == []
    assert await on_sqlite.is_balanced()
