from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import func, select

from jobs.common.errors import FilterInvalid
from jobs.filters import DeliveryFilter
from jobs.ledger.book import KeyBook
from jobs.ledger.spill import Spill
from jobs.replays import runner as replay_runner
from jobs.replays.dry_run import DryRun, dry_run
from jobs.replays.replay import ReplayStatus
from jobs.settling.settle import Settler
from jobs.storage import batching
from jobs.storage.schema import (
    actions,
    billing_events,
    customers,
    deliveries,
    outcome_keys,
    outcomes,
    replays,
)
from tests.jobs.builders import at
from tests.jobs.doubles import FakeMappings, bill, body, mapping_set, needing, undo
from tests.jobs.workshop import Workshop

FAILED = DeliveryFilter(state="failed")


async def test_a_dry_run_shows_what_the_replay_would_do_and_writes_nothing(
    workshop: Workshop,
) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await workshop.post(
        body(needing("a price", bill("a"))),
        body(needing("a price", bill("b")), needing("a price", bill("a"))),
        body(needing("another", bill("c"))),
        body(needing("a price", undo("b"))),
    )
    await settler.settle(ids)
    fake.knows.add("a price")
    tables = (outcomes, outcome_keys, billing_events, customers, actions, replays)
    before = [await workshop.count(table) for table in tables]
    found = await dry_run(workshop.database, mapping_set(fake), FAILED)
    assert found.as_json() == {
        "mapping_version": mapping_set(fake).digest,
        "matched": 4,
        "would": {"failed": 1, "recorded": 3},
        "unchanged_no_body": 0,
        "amounts": [{"currency": "USD", "amount": "0.99"}],
        "still_failing": [
            {
                "delivery": ids[2],
                "source": "crm",
                "reason": "unpriced",
                "rule": "resolved",
                "detail": "nothing is known of another",
            }
        ],
        "differences": [],
    }
    assert [await workshop.count(table) for table in tables] == before
    assert await workshop.states() == {"failed": 4}


async def test_what_an_earlier_step_would_bill_is_not_billed_by_a_later_one(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "BODIES", 2)
    fake = FakeMappings()
    ids = await workshop.post(*(body(needing("a price", bill("key"))) for _ in range(7)))
    await (await workshop.settler(fake)).settle(ids)
    fake.knows.add("a price")
    found = await dry_run(workshop.database, mapping_set(fake), FAILED)
    assert found.would == {"recorded": 7}
    assert found.amounts_micros == {"USD": 990_000}


async def test_of_what_still_fails_the_first_twenty_are_shown(workshop: Workshop) -> None:
    fake = FakeMappings()
    ids = await workshop.post(*(body(needing("a price", bill(f"k{n}"))) for n in range(25)))
    await (await workshop.settler(fake)).settle(ids)
    found = await dry_run(workshop.database, mapping_set(fake), FAILED)
    assert (found.matched, found.would) == (25, {"failed": 25})
    assert [one["delivery"] for one in found.still_failing] == ids[:20]


async def test_a_delivery_that_breaks_the_mapping_would_fail_and_hides_no_other(
    workshop: Workshop,
) -> None:
    fake = FakeMappings()
    fake.silent = True
    ids = await workshop.post(body(bill("a")), body(bill("b"), bug="an index"), body(bill("c")))
    settler = await workshop.settler(fake)
    await workshop.run("UPDATE deliveries SET state = 'failed', reason = 'unpriced'")
    fake.silent = False
    found = await dry_run(workshop.database, mapping_set(fake), FAILED)
    assert found.would == {"recorded": 2, "failed": 1}
    (failing,) = found.still_failing
    assert (failing["delivery"], failing["reason"]) == (ids[1], "internal")
    await settler.close()


@pytest.mark.parametrize("where", [DeliveryFilter(), DeliveryFilter(state="received")])
async def test_a_dry_run_refuses_what_a_replay_refuses(
    workshop: Workshop, where: DeliveryFilter
) -> None:
    with pytest.raises(FilterInvalid):
        await dry_run(workshop.database, mapping_set(FakeMappings()), where)


async def test_a_limit_rehearses_the_first_received(workshop: Workshop) -> None:
    fake = FakeMappings()
    ids = await workshop.post(*(body(needing("a price", bill(f"k{n}"))) for n in range(5)))
    await (await workshop.settler(fake)).settle(ids)
    found = await dry_run(workshop.database, mapping_set(fake), FAILED, limit=2)
    assert [one["delivery"] for one in found.still_failing] == ids[:2]


KEYS = ["a", "b"]
OUTCOME = st.one_of(
    st.builds(
        lambda key, second, micros, customer, need: bill(
            key, at=at(second), micros=micros, customer=customer, needs=need
        ),
        st.sampled_from(KEYS),
        st.one_of(st.none(), st.integers(1, 4)),
        st.sampled_from([0, 10, 25_500_000]),
        st.sampled_from(["acme", "acme", "acme", "globex"]),
        st.sampled_from([None, "now known", "never known"]),
    ),
    st.builds(
        lambda key, second, need: undo(key, at=at(second), needs=need),
        st.sampled_from(KEYS),
        st.one_of(st.none(), st.integers(1, 4)),
        st.sampled_from([None, "now known"]),
    ),
)


@pytest.fixture
async def worker(workshop: Workshop) -> tuple[FakeMappings, Settler]:
    fake = FakeMappings()
    return fake, await workshop.settler(fake)


DELIVERY = st.tuples(st.lists(OUTCOME, max_size=3), st.booleans())
sources = (f"source-{number}" for number in itertools.count())


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    drawn=st.lists(DELIVERY, min_size=1, max_size=12),
    state=st.sampled_from(["failed", "failed", "recorded", "ignored"]),
    limit=st.one_of(st.none(), st.integers(1, 12)),
    micros=st.sampled_from([None, None, 7]),
)
async def test_the_replay_then_does_what_the_dry_run_showed(
    workshop: Workshop,
    worker: tuple[FakeMappings, Settler],
    monkeypatch: pytest.MonkeyPatch,
    drawn: list[tuple[list[dict[str, Any]], bool]],
    state: str,
    limit: int | None,
    micros: int | None,
) -> None:
    monkeypatch.setattr(batching, "BODIES", 1)
    monkeypatch.setattr(replay_runner, "STEP", 2)
    source = next(sources)
    fake, settler = worker
    fake.knows.clear()
    fake.micros = None
    bodies = [
        body(*({**one, "key": f"{source} {one['key']}"} for one in outcomes), shadow=shadow)
        for outcomes, shadow in drawn
    ]
    await settler.settle(await workshop.post(*bodies, source=source))
    fake.knows.add("now known")
    fake.micros = micros
    where = DeliveryFilter(source=source, state=state)
    rehearsed = await dry_run(workshop.database, mapping_set(fake), where, limit=limit)
    before = await amounts(workshop)
    status = await workshop.replay(settler, fake, where, limit=limit)
    after = await amounts(workshop)
    after.subtract(before)
    assert rehearsed.matched == status.matched
    assert dict(rehearsed.would) == would_of(status)
    assert posted(rehearsed) == {currency: sum_ for currency, sum_ in after.items() if sum_}
    assert rehearsed.differences == status.differences
    failed = await workshop.all(
        select(deliveries.c.id)
        .where(deliveries.c.source == source, deliveries.c.state == "failed")
        .order_by(deliveries.c.received_at, deliveries.c.id)
    )
    assert {one["delivery"] for one in rehearsed.still_failing} <= {row.id for row in failed}
    assert len(rehearsed.still_failing) == rehearsed.would["failed"]


def would_of(status: ReplayStatus) -> dict[str, int]:
    counts = {
        "recorded": status.recorded,
        "ignored": status.ignored,
        "failed": status.failed,
        "unchanged": status.unchanged,
    }
    return {state: count for state, count in counts.items() if count}


def posted(rehearsed: DryRun) -> dict[str, int]:
    """The amounts of the dry run in millionths, zero sums left out."""
    found = {
        one["currency"]: int(Decimal(one["amount"]) * 1_000_000)
        for one in rehearsed.as_json()["amounts"]
    }
    return {currency: micros for currency, micros in found.items() if micros}


async def amounts(workshop: Workshop) -> Counter[str]:
    events = billing_events.c
    rows = await workshop.all(
        select(events.currency, func.sum(events.amount_micros)).group_by(events.currency)
    )
    return Counter({row.currency: int(row[1]) for row in rows})


async def test_a_rehearsal_of_many_holds_no_more_books_than_of_few(
    on_sqlite: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "BODIES", 10)
    fake = FakeMappings()
    events = [needing("a price", bill(f"key-{number}")) for number in range(200)]
    await (await on_sqlite.settler(fake)).settle(await on_sqlite.post(*map(body, events)))
    fake.knows.add("a price")
    held: list[int] = []
    put = Spill.put

    def watched(self: Spill[KeyBook], books: Mapping[str, KeyBook]) -> None:
        held.append(len(books))
        put(self, books)

    monkeypatch.setattr(Spill, "put", watched)
    where = DeliveryFilter(reason="unpriced")
    found = await dry_run(on_sqlite.database, mapping_set(fake), where)
    assert (found.matched, found.would["recorded"]) == (200, 200)
    assert held == [10] * 20
