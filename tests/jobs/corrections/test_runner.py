"""Corrections by hand, through the database: once, in steps, beside everything that settles."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from jobs.audits.books import faults_of_keys
from jobs.common.errors import FilterInvalid
from jobs.corrections import request as wishes
from jobs.corrections import runner
from jobs.corrections.charges import find_named, named_wrongly, open_charge_summary
from jobs.corrections.remapper import Remapper
from jobs.corrections.request import CorrectionRequest
from jobs.corrections.result import CorrectionResult
from jobs.corrections.runner import correct, rehearse
from jobs.filters import ChargeFilter, DeliveryFilter
from jobs.health.problem import Problem
from jobs.ledger.repository import load_books
from jobs.privacy.evidence import WHY_GONE
from jobs.privacy.pseudonyms import pseudonym_of
from jobs.storage.schema import (
    actions,
    billing_events,
    deliveries,
    mapping_versions,
    outcomes,
    pseudonym_keys,
    purged_customers,
)
from tests.jobs import model
from tests.jobs.builders import at
from tests.jobs.desk import ALL, Desk
from tests.jobs.doubles import Telling, bill, body, undo
from tests.jobs.model import Said, charge, reinstatement, reversal
from tests.jobs.workshop import Workshop

#: Later than any correction of these tests is made.
TO_COME = 100_000_000


@pytest.fixture
async def desk(workshop: Workshop) -> Desk:
    telling = Telling()
    return Desk(workshop, telling, await workshop.settler(telling))


async def test_a_reversal_by_hand_is_recorded_with_who_made_it_and_why(desk: Desk) -> None:
    (delivery,) = await desk.settle(bill("key", at=at(1)))
    before = datetime.now(UTC)
    done = await desk.reverse(delivery)
    assert (done.corrected, done.unchanged, done.refused) == (1, 0, 0)
    assert done.amounts == [{"currency": "USD", "amount": "-0.99"}]
    (said,) = await desk.workshop.all(select(outcomes).where(outcomes.c.delivery_id.is_(None)))
    (act,) = await desk.workshop.all(select(actions))
    assert (said.kind, said.verdict, said.rule, said.source) == (
        "reversal",
        "reversed",
        "resolved",
        "crm",
    )
    assert before <= said.occurred_at <= datetime.now(UTC)
    assert (said.action_id, said.ordinal, said.event_index) == (act.id, 2, None)
    assert (act.id, act.kind, act.actor, act.count, act.note) == (
        done.id,
        "reverse",
        "test",
        1,
        "a mistake",
    )
    assert act.filter == {"ids": [delivery]}
    assert act.detail == {"run": act.id, "amounts": done.amounts}
    line = await desk.open_line("key")
    assert (line.kind, line.amount_micros, line.delivery_id) == ("reversal", -990_000, None)
    assert (line.outcome_id, line.occurred_at) == (said.id, said.occurred_at)


@pytest.mark.parametrize("second", [1, None], ids=["timed", "untimed"])
async def test_what_is_reversed_stays_so_whatever_copies_come(
    desk: Desk, second: int | None
) -> None:
    told = bill("key", at=at(second))
    ids = await desk.settle(told)
    await desk.reverse(*ids)
    before = await desk.counts()
    again = await desk.reverse(*ids)
    assert (again.corrected, again.unchanged, again.id) == (0, 1, None)
    assert await desk.counts() == before
    await desk.settle(told)
    assert await desk.workshop.open_micros() == {}


async def test_a_charge_of_a_later_time_bills_after_a_reversal_by_hand(desk: Desk) -> None:
    ids = await desk.settle(bill("key", at=at(1)))
    await desk.reverse(*ids)
    await desk.settle(bill("key", at=at(TO_COME), micros=20))
    assert await desk.ledger("key") == [990_000, -990_000, 20]


async def test_a_charge_ahead_of_the_clock_is_taken_back_as_well(desk: Desk) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=4)
    ids = await desk.settle(bill("key", at=ahead))
    await desk.reverse(*ids)
    assert (await desk.open_line("key")).occurred_at == ahead
    assert await desk.workshop.open_micros() == {}


async def test_a_delivery_id_takes_back_all_that_it_charged_and_a_line_only_itself(
    desk: Desk,
) -> None:
    ids = await desk.workshop.post(body(bill("a"), bill("b")), body(bill("c"), bill("d")))
    await desk.settler.settle(ids)
    line = (await desk.open_line("c")).id
    assert (await desk.reverse(ids[0], line)).corrected == 2 + 1
    assert await desk.workshop.open_micros() == {"d": 990_000}
    found = await desk.reverse(*ids)
    assert (found.corrected, found.unchanged) == (1, 3)


YESTERDAY = datetime.now(UTC) - timedelta(days=1)
FILTERS: dict[str, tuple[ChargeFilter, set[str]]] = {
    "source": (ChargeFilter(source="other"), {"c"}),
    "rule": (ChargeFilter(rule="resolved"), {"a", "b", "c"}),
    "another rule": (ChargeFilter(rule="reopened"), set()),
    "customer": (ChargeFilter(customer="globex"), {"b"}),
    "agent": (ChargeFilter(agent="agent"), {"a", "b", "c"}),
    "another agent": (ChargeFilter(agent="unknown"), set()),
    "indicator": (ChargeFilter(indicator="resolved"), {"a", "b", "c"}),
    "all of it": (ChargeFilter(source="crm", customer="acme", indicator="resolved"), {"a"}),
    "received since": (ChargeFilter(received_since=YESTERDAY), set("abc")),
    "received until": (ChargeFilter(received_until=YESTERDAY), set()),
    "recorded since": (ChargeFilter(recorded_since=YESTERDAY), set("abc")),
    "recorded until": (ChargeFilter(recorded_until=YESTERDAY), set()),
    "occurred since": (ChargeFilter(since=YESTERDAY), set("bc")),
    "occurred until": (ChargeFilter(until=YESTERDAY), set("a")),
    "an outcome key": (ChargeFilter(ids=("b", "closed")), {"b"}),
}


@pytest.mark.parametrize(("where", "found"), FILTERS.values(), ids=FILTERS.keys())
async def test_a_filter_takes_the_open_charges_that_fit(
    on_sqlite: Workshop, where: ChargeFilter, found: set[str]
) -> None:
    telling = Telling()
    desk = Desk(on_sqlite, telling, await on_sqlite.settler(telling))
    long_ago = bill("a", at=YESTERDAY - timedelta(days=1))
    await desk.settle(long_ago, bill("b", customer="globex"), bill("closed"), undo("closed"))
    await desk.settle(bill("c"), source="other")
    counted = await open_charge_summary(on_sqlite.database, where)
    assert counted.matched == len(found)
    assert counted.amounts_micros == ({"USD": 990_000 * len(found)} if found else {})
    assert (await desk.reverse(where=where)).corrected == len(found)
    assert set(await on_sqlite.open_micros()) == {"a", "b", "c"} - found


async def test_a_limit_takes_the_first_and_the_next_run_those_after_them(desk: Desk) -> None:
    await desk.settle(*(bill(key) for key in "abc"))
    assert (await open_charge_summary(desk.workshop.database, ALL, limit=2)).matched == 2
    assert (await desk.reverse(limit=1)).corrected == 1
    assert set(await desk.workshop.open_micros()) == {"b", "c"}
    assert (await desk.reverse(limit=5)).corrected == 2


async def test_an_id_that_names_no_charge_is_told(desk: Desk) -> None:
    ids = await desk.settle(bill("key"))
    await desk.reverse(*ids)
    line = (await desk.open_line("key")).id
    wrong = await named_wrongly(desk.workshop.database, [ids[0], "unknown", line])
    assert set(wrong) == {"unknown", line}
    assert wrong["unknown"].reason == "there is no billing event, delivery or outcome key 'unknown'"
    assert "is a reversal itself" in wrong[line].reason
    assert f"`receiver reinstate {line}`" in wrong[line].reason
    assert (wrong["unknown"].is_known, wrong[line].is_known) == (False, True)


async def test_nothing_asked_for_or_no_reason_given_is_refused(desk: Desk) -> None:
    with pytest.raises(FilterInvalid, match="name what to reverse"):
        CorrectionRequest(where=ChargeFilter())
    with pytest.raises(FilterInvalid, match="note is empty"):
        await correct(desk.workshop.database, CorrectionRequest(where=ALL), actor="test", note=" ")


@pytest.mark.parametrize("second", [1, None], ids=["timed", "untimed"])
async def test_a_charge_is_billed_anew_by_what_the_mapping_gives_now(
    desk: Desk, second: int | None
) -> None:
    (delivery,) = await desk.settle(bill("key", at=at(second)))
    old = await desk.open_line("key")
    desk.telling.__init__("mapping-2", "prices-2")  # type: ignore[misc]
    desk.telling.micros, desk.telling.customer = 30, "globex"
    done = await desk.rebill(delivery)
    assert (done.kind, done.corrected) == ("rebill", 1)
    assert done.amounts == [{"currency": "USD", "amount": "-0.98997"}]
    _, taken_back, new = await desk.workshop.all(
        select(billing_events).order_by(billing_events.c.sequence)
    )
    assert (taken_back.reverses, taken_back.amount_micros) == (old.id, -990_000)
    assert (new.amount_micros, new.customer_id, new.delivery_id) == (30, "globex", delivery)
    assert {taken_back.occurred_at, new.occurred_at} == {old.occurred_at}
    (said,) = await desk.workshop.all(select(outcomes).where(outcomes.c.action_id.is_not(None)))
    (first,) = await desk.workshop.all(select(outcomes).where(outcomes.c.action_id.is_(None)))
    assert (said.replaces, said.place, said.ordinal) == (first.id, 1, 2)
    assert (said.delivery_id, said.event_index, said.verdict) == (delivery, 0, "charged")
    assert said.occurred_at == first.occurred_at
    kept = await desk.workshop.all(select(mapping_versions.c.version))
    assert {row.version for row in kept} == {"mapping-1", "prices-1", "mapping-2", "prices-2"}


async def test_a_charge_may_be_billed_anew_again_and_then_taken_back(desk: Desk) -> None:
    ids = await desk.settle(bill("key", at=at(1), micros=10))
    for micros in (30, 30, 20):
        desk.telling.micros = micros
        await desk.rebill(*ids)
    assert await desk.ledger("key") == [10, -10, 30, -30, 20]
    found = await desk.workshop.all(select(outcomes.c.place).order_by(outcomes.c.ordinal))
    assert [row.place for row in found] == [None, 1, 1]
    await desk.reverse(*ids)
    assert (await desk.ledger("key"))[-1] == -20


async def test_what_is_taken_back_is_not_billed_anew_and_told_what_to_do(desk: Desk) -> None:
    by_hand, by_vendor = await desk.settle(bill("by hand"), bill("by vendor"))
    await desk.reverse(by_hand)
    line = (await desk.open_line("by hand")).reverses
    (undone,) = await desk.settle(undo("by vendor"))
    desk.telling.micros = 30
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
    desk.telling.micros = 30
    await desk.rebill(old)
    assert (await desk.rebill(old)).unchanged == 1
    desk.telling.micros = 40
    assert (await desk.rebill(old)).corrected == 1
    refused = await desk.rebill(old, origin=ids[0])
    assert f"billed by {(await desk.open_line('key')).id} by now" in refused.refusals[0]["reason"]


async def test_what_the_mapping_gives_as_it_was_billed_is_not_billed_anew(desk: Desk) -> None:
    await desk.settle(bill("a"), bill("b"))
    before = await desk.counts()
    done = await desk.rebill()
    assert (done.corrected, done.unchanged, done.id) == (0, 2, None)
    assert await desk.counts() == before


async def test_what_cannot_be_billed_anew_is_named_and_the_others_go_on(desk: Desk) -> None:
    ids = await desk.settle(bill("gone"), bill("kept"), bill("erased"))
    for place, evidence in ((0, "expired"), (2, "purged")):
        await desk.workshop.run(
            "UPDATE deliveries SET body = NULL, evidence = :evidence WHERE id = :id",
            evidence=evidence,
            id=ids[place],
        )
    desk.telling.micros = 30
    done = await desk.rebill()
    assert (done.corrected, done.refused) == (1, 2)
    assert [(one["delivery"], one["reason"]) for one in done.refusals] == [
        (ids[0], f"the body of its delivery {WHY_GONE['expired']}"),
        (ids[2], f"the body of its delivery {WHY_GONE['purged']}"),
    ]
    assert await desk.workshop.open_micros() == {"gone": 990_000, "kept": 30, "erased": 990_000}


async def test_a_customer_who_was_erased_is_billed_anew_under_the_pseudonym(desk: Desk) -> None:
    secret = "0f" * 32
    pseudonym = pseudonym_of("acme", secret=secret)
    now = datetime.now(UTC)
    async with desk.workshop.database.write() as connection:
        key = {"id": 1, "secret": secret, "created_at": now}
        await connection.execute(insert(pseudonym_keys).values(**key))
        row = {"pseudonym": pseudonym, "purged_at": now}
        await connection.execute(insert(purged_customers).values(**row))
    ids = await desk.settle(bill("key"))
    desk.telling.micros = 30
    assert (await desk.rebill(*ids)).corrected == 1
    line = await desk.open_line("key")
    assert (line.customer_id, line.amount_micros) == (pseudonym, 30)


async def test_a_mapping_that_no_longer_gives_the_key_is_refused(desk: Desk) -> None:
    ids = await desk.settle(bill("key"))
    desk.telling.suffix = " anew"
    done = await desk.rebill(*ids)
    assert done.refusals[0]["reason"] == "the mapping gives no charge of the key key now"
    assert await desk.ledger("key") == [990_000]


async def test_a_key_of_which_more_was_recorded_meanwhile_is_refused_and_goes_the_next_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await desk.settle(bill("key", at=at(5), micros=10, amount="latest"))
    desk.telling.micros = 30
    remap = Remapper.of

    async def asked_before_more_comes(self: Remapper, *args: Any) -> Any:
        found = await remap(self, *args)
        desk.telling.micros = None
        await desk.settle(bill("key", at=at(5), micros=10, amount="latest"))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Remapper, "of", asked_before_more_comes)
        done = await desk.rebill(*ids)
    assert (done.corrected, done.refused) == (0, 1)
    assert "run it again" in done.refusals[0]["reason"]
    desk.telling.micros = 30
    assert (await desk.rebill(*ids)).corrected == 1
    assert await desk.workshop.open_micros() == {"key": 30}


async def test_bringing_back_that_is_cut_off_is_carried_on_by_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first commit, of which was never heard, and before the second."""
    monkeypatch.setattr(wishes, "STEP", 2)
    ids = await desk.settle(*(bill(f"k{number}") for number in range(5)))
    await desk.reverse()
    steps, original = iter([ConnectionResetError, None, LookupError]), runner._Run._step

    async def step(self: Any, *args: Any) -> Any:
        error = next(steps, None)
        if error is LookupError:
            raise error
        decided = await original(self, *args)
        if error is not None:
            raise error
        return decided

    monkeypatch.setattr(runner._Run, "_step", step)
    with pytest.raises(LookupError):
        await desk.reinstate(*ids)
    assert len(await desk.workshop.open_micros()) == 2
    done = await desk.reinstate(*ids)
    assert (done.corrected, done.unchanged) == (3, 2)
    ledgers = await desk.workshop.ledgers()
    billed = [990_000, -990_000, 990_000]
    assert all([line.micros for line in ledger] == billed for ledger in ledgers.values())
    assert await _faults(desk, [f"k{number}" for number in range(5)]) == []


@pytest.mark.parametrize("rebill", [False, True], ids=["reversed", "rebilled"])
async def test_a_run_that_is_cut_off_is_carried_on_by_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, rebill: bool
) -> None:
    monkeypatch.setattr(wishes, "STEP", 2)
    await desk.settle(*(bill(f"k{number}") for number in range(7)))
    desk.telling.micros = 30
    request = desk.request(ALL, rebill=rebill)

    def cut(done: int) -> None:
        if done == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await correct(desk.workshop.database, request, actor="t", note="n", on_step=cut)
    acts = await desk.workshop.all(select(actions).order_by(actions.c.id))
    assert [act.count for act in acts] == [2, 2]
    assert {act.detail["run"] for act in acts} == {acts[0].id}
    done = await correct(
        desk.workshop.database, desk.request(ALL, rebill=rebill), actor="t", note="n"
    )
    assert (done.corrected, done.unchanged) == (3, 4 if rebill else 0)
    ledgers = await desk.workshop.ledgers()
    billed = [990_000, -990_000, 30] if rebill else [990_000, -990_000]
    assert all([line.micros for line in ledger] == billed for ledger in ledgers.values())
    assert len(ledgers) == 7


async def test_two_people_at_once_and_a_worker_correct_each_charge_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wishes, "STEP", 5)
    told = [bill(f"k{number}") for number in range(40)]
    await desk.settler.settle(await desk.workshop.post(*(body(one) for one in told)))
    copies = await desk.workshop.post(*(body(one) for one in told))

    async def person() -> CorrectionResult:
        database = desk.workshop.new_database()
        return await correct(database, CorrectionRequest(where=ALL), actor="t", note="n")

    first, second, _ = await asyncio.gather(person(), person(), desk.settler.settle(copies))
    assert first.corrected + second.corrected == 40
    ledgers = await desk.workshop.ledgers()
    assert all([line.micros for line in one] == [990_000, -990_000] for one in ledgers.values())
    assert await desk.workshop.count(outcomes) == 40 * 3


@pytest.mark.parametrize("way", ["reverse", "rebill"])
async def test_a_step_whose_commit_was_not_heard_of_is_made_once_and_the_next_ones_follow(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The connection may be lost between COMMIT and its answer."""
    monkeypatch.setattr(wishes, "STEP", 1)
    await desk.settle(*(bill(key) for key in "abc"))
    desk.telling.micros = 30
    unheard = iter([True])
    original = runner._Run._step

    async def step(self: Any, *args: Any) -> Any:
        decided = await original(self, *args)
        if next(unheard, False):
            raise ConnectionResetError
        return decided

    monkeypatch.setattr(runner._Run, "_step", step)
    done = await (desk.reverse() if way == "reverse" else desk.rebill())
    assert (done.corrected, done.unchanged) == (2, 1)
    made = await desk.workshop.all(select(actions).order_by(actions.c.id))
    assert [one.count for one in made] == [1, 1, 1]
    assert {one.detail["run"] for one in made} == {done.id}
    assert await _faults(desk, ["a", "b", "c"]) == []


@pytest.mark.parametrize("rebill", [False, True], ids=["reversed", "rebilled"])
async def test_the_correction_then_does_what_the_dry_run_said(desk: Desk, *, rebill: bool) -> None:
    ids = await desk.settle(bill("a"), bill("b", micros=30), bill("gone"))
    await desk.workshop.run("UPDATE deliveries SET body = NULL WHERE id = :id", id=ids[2])
    desk.telling.micros = 30
    before = await desk.counts()
    request = desk.request(ALL, rebill=rebill)
    would = (await rehearse(desk.workshop.database, request)).as_json()
    assert await desk.counts() == before
    did = await correct(desk.workshop.database, request, actor="t", note="n")
    assert did.corrected == (1 if rebill else 3)
    assert {**would, "id": did.id} == did.as_json()


@pytest.mark.parametrize("state", ["recorded", "failed"])
async def test_a_replay_after_corrections_changes_no_total_and_compares_what_is_in_force(
    desk: Desk, state: str
) -> None:
    ids = await desk.settle(
        *(bill(key, at=at(1)) for key in "abc"), bill("late", at=at(1), micros=5), undo("d")
    )
    await desk.reverse(ids[0])
    desk.telling.micros = 30
    await desk.rebill(ids[1], ids[3])
    before = await desk.totals()
    where = DeliveryFilter(state=state)
    status = await desk.workshop.replay(desk.settler, desk.telling, where)
    assert status.failed == 0
    assert await desk.totals() == before
    # The mapping gives 30 for all: what was billed anew agrees, the others were billed before.
    differing = {one["delivery"] for one in status.differences}
    assert differing == ({ids[0], ids[2]} if state == "recorded" else set())


@dataclass(frozen=True, slots=True)
class Fix:
    """A person corrects what is open of a key: bills it anew at so much, or takes it back.

    Or, with `brings_back`, brings back what a person took back.
    """

    micros: int | None = None
    customer: str | None = None
    brings_back: bool = False


KEYS = 2
TIMES = st.one_of(st.none(), st.integers(1, 3), st.integers(TO_COME + 1, TO_COME + 3))
WHO = st.sampled_from(["acme", "acme", "globex"])
MOVES = st.lists(
    st.tuples(
        st.integers(0, KEYS - 1),
        st.one_of(
            st.builds(
                charge, TIMES, st.sampled_from([10, 20]), WHO, st.sampled_from(["first", "latest"])
            ),
            st.builds(reversal, TIMES),
            st.builds(reinstatement, TIMES),
            st.just(Fix()),
            st.just(Fix(brings_back=True)),
            st.builds(Fix, st.sampled_from([10, 30]), WHO),
        ),
    ),
    min_size=1,
    max_size=10,
)
fresh = itertools.count()


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(MOVES)
async def test_any_mixture_of_deliveries_and_corrections_owes_what_the_model_owes(
    desk: Desk, moves: list[tuple[int, Said | Fix]]
) -> None:
    source = f"mixed-{next(fresh)}"
    heard: list[list[Said]] = [[] for _ in range(KEYS)]
    for number, move in moves:
        key = f"{source} {number}"
        if isinstance(move, Said):
            await desk.settle(_told(key, move), source=source)
            said = replace(move)
            if not model.conflicts(heard[number], said):
                heard[number].append(said)
            continue
        if move.brings_back:
            restored = model.reinstated_by_hand(heard[number], TO_COME - 1)
            assert (await _brought_back(desk, key)) == (restored is not None)
            heard[number] = restored or heard[number]
            continue
        done = await _fix(desk, key, move)
        if model.owes(heard[number]) is None:
            assert done is None
        elif move.micros is None:
            heard[number] = model.reversed_by_hand(heard[number], TO_COME - 1)
        else:
            heard[number] = model.rebilled(heard[number], move.micros, move.customer or "acme")
    await _assert_owed(desk, source, heard)
    before = await desk.totals()
    recorded = DeliveryFilter(state="recorded", source=source)
    status = await desk.workshop.replay(desk.settler, desk.telling, recorded)
    assert status.unchanged == status.matched
    assert await desk.totals() == before


async def _faults(desk: Desk, keys: list[str]) -> list[Problem]:
    """What the service's own check of its books has to say."""
    async with desk.workshop.database.read() as connection:
        return await faults_of_keys(connection, keys)


def _told(key: str, said: Said) -> dict[str, Any]:
    if said.kind != "charge":
        return {**undo(key, at=at(said.at)), "kind": said.kind}
    return bill(
        key, at=at(said.at), micros=said.micros or 0, customer=said.billed_as, amount=said.rule
    )


async def _fix(desk: Desk, key: str, fix: Fix) -> CorrectionResult | None:
    events = billing_events.c
    lines = await desk.workshop.all(
        select(billing_events).where(events.outcome_key == key).order_by(events.sequence.desc())
    )
    if not lines or lines[0].kind == "reversal":
        return None
    desk.telling.micros, desk.telling.customer = fix.micros, fix.customer
    correction = desk.reverse if fix.micros is None else desk.rebill
    done = await correction(lines[0].id)
    desk.telling.micros = desk.telling.customer = None
    assert done.refused == 0
    return done


async def _brought_back(desk: Desk, key: str) -> bool:
    named, _ = await find_named(desk.workshop.database, [key])
    return bool(named) and (await desk.reinstate(key)).corrected == 1


async def _assert_owed(desk: Desk, source: str, heard: list[list[Said]]) -> None:
    """By the ledger, and by what is loaded of the key to decide on it next."""
    by_ledger = await desk.workshop.open_micros()
    keys = [f"{source} {number}" for number in range(KEYS)]
    async with desk.workshop.database.read() as connection:
        books = await load_books(connection, keys)
    for key, said in zip(keys, heard, strict=True):
        due = model.owes(said)
        owed, line = books[key].owed(), books[key].open_charge
        assert by_ledger.get(key) == (due and due.micros)
        assert (owed and (owed.terms.amount_micros, owed.terms.customer_id, owed.occurred_at)) == (
            due and (due.micros, due.billed_as, at(due.at))
        )
        assert (line and line.terms.customer_id) == (due and due.billed_as)
        assert line is None or due is None or at(due.at) in (None, line.occurred_at)
        assert await _faults(desk, [key]) == []
    states = await desk.workshop.all(
        select(deliveries.c.reason).where(
            deliveries.c.source == source, deliveries.c.state == "failed"
        )
    )
    assert {row.reason for row in states} <= {"conflict"}
