"""What an edit would bill otherwise is what it does bill otherwise, and nothing is written."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import func, select, update

from jobs.backtest import runner
from jobs.backtest.report import BacktestReport
from jobs.backtest.runner import Sides, run_backtest
from jobs.backtest.window import parse_window
from jobs.settling.settle import Settler
from jobs.storage.schema import actions, billing_events, deliveries, outcome_keys, outcomes
from tests.jobs.builders import at
from tests.jobs.desk import Desk
from tests.jobs.doubles import FakeMappings, bill, body, incoming, mapping_set, needing, undo
from tests.jobs.workshop import Workshop

TABLES = (deliveries, outcomes, outcome_keys, billing_events, actions)


@pytest.fixture
async def desk(workshop: Workshop) -> Desk:
    fake = FakeMappings()
    return Desk(workshop, fake, await workshop.settler(fake))


async def against(desk: Desk, edited: FakeMappings, window: str = "1000") -> BacktestReport:
    """The difference that `edited` makes; AssertionError if anything was written."""
    database = desk.workshop.database
    before = [await desk.workshop.count(table) for table in TABLES]
    sides = Sides(in_force=mapping_set(desk.fake), edited=mapping_set(edited))
    found = await run_backtest(database, sides, parse_window(window))
    assert [await desk.workshop.count(table) for table in TABLES] == before
    return found


def edited(**changes: Any) -> FakeMappings:
    """The mapping with an edit."""
    fake = FakeMappings()
    for name, value in changes.items():
        setattr(fake, name, value)
    return fake


async def test_the_same_mapping_makes_no_difference(desk: Desk) -> None:
    await desk.settle(bill("a", at=at(1)), undo("a", at=at(2)), bill("b"), bill("b"))
    found = await against(desk, edited())
    assert (found.deliveries, found.compared, found.changed) == (4, 4, 0)
    assert found.differences_micros == {"USD": 0}
    assert found.rules() == []


async def test_another_price_makes_a_difference_by_rule_and_currency(desk: Desk) -> None:
    await desk.settle(bill("a"), bill("a"), bill("b"), undo("b"), bill("c"))
    found = await against(desk, edited(micros=1_990_000))
    assert found.differences_micros == {"USD": 2_000_000}
    assert [(one["rule"], one["difference"]) for one in found.rules()] == [
        ("reopened", "-1.00"),
        ("resolved", "3.00"),
    ]
    assert found.rules()[1]["before"] == {"charges": 3, "reversals": 0, "amount": "2.97"}
    assert found.changed == 4
    assert dict(found.fates) == {("recorded", "recorded"): 4}


async def test_what_an_earlier_delivery_billed_is_not_billed_in_the_window(desk: Desk) -> None:
    await desk.settle(bill("a"), bill("closed"), undo("closed"), bill("a"), bill("closed"))
    found = await against(desk, edited(micros=1_990_000), "2")
    assert (found.deliveries, found.changed) == (2, 0)


async def test_what_was_reversed_by_hand_makes_no_difference(desk: Desk) -> None:
    ids = await desk.settle(bill("a", at=at(1)), bill("b", at=at(1)))
    await desk.reverse(ids[0])
    found = await against(desk, edited(micros=1_990_000))
    assert found.differences_micros == {"USD": 1_000_000}


async def test_other_keys_would_bill_again(desk: Desk) -> None:
    await desk.settle(bill("a"), bill("a"))
    assert (await against(desk, edited(suffix=" again"), "1")).differences_micros == {
        "USD": 990_000
    }


async def test_another_customer_is_a_change_without_a_difference_in_money(desk: Desk) -> None:
    (delivery,) = await desk.settle(bill("a"))
    found = await against(desk, edited(customer="globex"))
    assert (found.changed, found.differences_micros) == (1, {"USD": 0})
    (example,) = found.examples["billing_otherwise"].shown
    assert example["delivery"] == delivery
    assert [one["customer_id"] for one in example["before"] + example["after"]] == [
        "acme",
        "globex",
    ]


async def test_deliveries_that_fail_bill_or_no_longer_bill_are_listed_with_the_reason(
    desk: Desk,
) -> None:
    desk.fake.knows.add("a customer")
    ids = await desk.workshop.post(
        body(needing("a customer", bill("fails"))),
        body(needing("a price", bill("fixed"))),
        body(bill("stays")),
    )
    await desk.settler.settle(ids)
    found = await against(desk, edited(knows={"a price"}))
    assert dict(found.fates) == {
        ("recorded", "failed: unpriced"): 1,
        ("failed: unpriced", "recorded"): 1,
    }
    (failing,) = found.examples["newly_failing"].shown
    assert failing == {
        "delivery": ids[0],
        "source": "crm",
        "rule": "resolved",
        "reason": "unpriced",
        "detail": "nothing is known of a customer",
    }
    (billing,) = found.examples["newly_billing"].shown
    assert (billing["delivery"], billing["after"][0]["amount"]) == (ids[1], "0.99")
    silent = await against(desk, edited(silent=True))
    assert silent.examples["no_longer_billing"].count == 2
    assert silent.examples["no_longer_billing"].shown[0]["reason"] == "no-outcome"
    assert silent.differences_micros == {"USD": -1_980_000}


async def test_what_cannot_be_compared_is_counted(desk: Desk) -> None:
    ids = await desk.settle(*(bill(key) for key in "abcd"))
    changes: list[dict[str, Any]] = [
        {"body": None, "headers": {}, "evidence": "expired"},
        {"state": "discarded"},
        {"reason": "id-reused"},
    ]
    async with desk.workshop.database.write() as connection:
        for one, change in zip(ids, changes, strict=False):
            of = update(deliveries).where(deliveries.c.id == one)
            await connection.execute(of.values(**change))
    found = await against(desk, edited(micros=1))
    assert (found.deliveries, found.compared, found.no_body, found.set_aside) == (4, 1, 1, 2)


async def test_of_each_kind_the_first_twenty_are_shown(desk: Desk) -> None:
    await desk.settler.settle(await desk.workshop.post(*(body(bill(f"k{n}")) for n in range(25))))
    kind = (await against(desk, edited(silent=True))).examples["no_longer_billing"]
    assert (kind.count, len(kind.shown)) == (25, 20)


async def test_an_empty_window_is_no_difference(desk: Desk) -> None:
    found = await against(desk, edited(micros=1), "7d")
    assert (found.deliveries, found.since, found.changed) == (0, None, 0)


KEYS = ["a", "b"]
SECONDS = st.one_of(st.none(), st.integers(1, 4))
NEEDS = st.sampled_from([None, None, "known before", "known after"])
OUTCOME = st.one_of(
    st.builds(
        lambda key, second, micros, customer, need: bill(
            key, at=at(second), micros=micros, customer=customer, needs=need
        ),
        st.sampled_from(KEYS),
        SECONDS,
        st.sampled_from([0, 10, 20]),
        st.sampled_from(["acme", "acme", "globex"]),
        NEEDS,
    ),
    st.builds(
        lambda key, second, need: undo(key, at=at(second), needs=need),
        st.sampled_from(KEYS),
        SECONDS,
        NEEDS,
    ),
)
DELIVERIES = st.lists(st.lists(OUTCOME, max_size=3), min_size=1, max_size=6)
fresh = itertools.count()


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    earlier=DELIVERIES,
    window=DELIVERIES,
    micros=st.sampled_from([None, 30]),
    suffix=st.sampled_from(["", "", " again"]),
    step=st.sampled_from([1, 2, 100]),
)
async def test_the_difference_is_what_the_edit_then_bills_otherwise(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    earlier: list[list[dict[str, Any]]],
    window: list[list[dict[str, Any]]],
    micros: int | None,
    suffix: str,
    step: int,
) -> None:
    monkeypatch.setattr(runner, "STEP", step)
    desk.fake.knows.add("known before")
    edit = edited(micros=micros, suffix=suffix, knows={"known after"})
    settler = await desk.workshop.settler(edit)
    other, ours = f"other-{next(fresh)}", f"ours-{next(fresh)}"
    # The same twice over: for the other source the edit comes into force in between.
    await _settle(desk, desk.settler, earlier, other)
    await _settle(desk, desk.settler, earlier, ours)
    before = await _sums(desk)
    await _settle(desk, settler, window, other)
    by_edit = await _sums(desk)
    await _settle(desk, desk.settler, window, ours)
    as_is = await _sums(desk)
    found = await against(desk, edit, str(len(window)))
    await settler.close()
    expected = (by_edit - before) - (as_is - by_edit)
    assert sum(found.differences_micros.values()) == expected
    assert found.compared == len(window)


_clock = itertools.count()


async def _settle(
    desk: Desk, settler: Settler, deliveries: list[list[dict[str, Any]]], source: str
) -> None:
    """Deliveries a second apart, with keys of the source's own."""
    began = datetime.now(UTC) - timedelta(hours=3)
    bodies = [
        body(*({**one, "key": f"{source} {one['key']}"} for one in outcomes))
        for outcomes in deliveries
    ]
    ids = await desk.workshop.accept([incoming(one, source=source) for one in bodies])
    for one in ids:
        await desk.workshop.received(one, began + timedelta(seconds=next(_clock)))
    await settler.settle(ids)


async def _sums(desk: Desk) -> int:
    found = await desk.workshop.all(
        select(func.coalesce(func.sum(billing_events.c.amount_micros), 0))
    )
    return int(found[0][0])
