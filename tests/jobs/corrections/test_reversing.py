"""Reversals by hand, through the database: what they take back, by id and by filter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from jobs.common.errors import FilterInvalid
from jobs.corrections.charges import named_wrongly, open_charge_summary
from jobs.corrections.request import CorrectionRequest
from jobs.corrections.runner import correct
from jobs.filters import ChargeFilter
from jobs.storage.schema import (
    actions,
    outcomes,
)
from tests.jobs.builders import at
from tests.jobs.desk import ALL, TO_COME, Desk
from tests.jobs.doubles import FakeMappings, bill, body, undo
from tests.jobs.workshop import Workshop


async def test_a_reversal_by_hand_is_recorded_with_who_made_it_and_why(desk: Desk) -> None:
    (delivery,) = await desk.settle(bill("key", at=at(1)))
    before = datetime.now(UTC)
    done = await desk.reverse(delivery)
    assert (done.corrected, done.unchanged, done.refused) == (1, 0, 0)
    assert done.amounts == [{"currency": "USD", "amount": "-0.99"}]
    (outcome,) = await desk.workshop.all(select(outcomes).where(outcomes.c.delivery_id.is_(None)))
    (act,) = await desk.workshop.all(select(actions))
    assert (outcome.kind, outcome.verdict, outcome.rule, outcome.source) == (
        "reversal",
        "reversed",
        "resolved",
        "crm",
    )
    assert before <= outcome.occurred_at <= datetime.now(UTC)
    assert (outcome.action_id, outcome.ordinal, outcome.event_index) == (act.id, 2, None)
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
    assert (line.outcome_id, line.occurred_at) == (outcome.id, outcome.occurred_at)


@pytest.mark.parametrize("second", [1, None], ids=["timed", "untimed"])
async def test_what_is_reversed_stays_so_whatever_copies_come(
    desk: Desk, second: int | None
) -> None:
    charges = bill("key", at=at(second))
    ids = await desk.settle(charges)
    await desk.reverse(*ids)
    before = await desk.counts()
    again = await desk.reverse(*ids)
    assert (again.corrected, again.unchanged, again.id) == (0, 1, None)
    assert await desk.counts() == before
    await desk.settle(charges)
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
    fake = FakeMappings()
    desk = Desk(on_sqlite, fake, await on_sqlite.settler(fake))
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


async def test_an_id_that_names_no_charge_is_listed(desk: Desk) -> None:
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
