"""A key may be heard of very often: what decides on it stays small, and quick to decide on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from jobs.filters import DeliveryFilter
from jobs.ledger import timeline
from jobs.ledger.book import KeyBook
from jobs.ledger.owing import Conflict
from jobs.ledger.records import Recorded
from jobs.ledger.repository import load_books
from jobs.ledger.timeline import Held, Timeline
from jobs.storage.schema import outcomes
from tests.jobs.builders import at, book_of, record
from tests.jobs.desk import Desk
from tests.jobs.doubles import FakeMappings, bill, body, undo
from tests.jobs.model import ModelOutcome, charge, reinstatement, reversal
from tests.jobs.workshop import Workshop

OUTCOME = st.one_of(
    st.builds(
        charge,
        st.one_of(st.none(), st.integers(0, 4)),
        st.sampled_from([10, 20]),
        st.sampled_from(["acme", "globex"]),
        st.sampled_from(["first", "latest"]),
    ),
    st.builds(reversal, st.one_of(st.none(), st.integers(0, 4))),
    st.builds(reinstatement, st.one_of(st.none(), st.integers(0, 4))),
)


@given(st.lists(OUTCOME, max_size=6), OUTCOME, st.lists(OUTCOME, max_size=3))
def test_what_was_taken_back_was_never_there(
    before: list[ModelOutcome], taken_back: ModelOutcome, after: list[ModelOutcome]
) -> None:
    untouched, touched = KeyBook("key"), KeyBook("key")
    for book in (untouched, touched):
        hear(book, before)
    step = hear(touched, [taken_back])
    if step:
        touched.undo(posted=step[0])
    assert (touched.outcomes, touched.entries) == (untouched.outcomes, untouched.entries)
    assert hear(touched, after) == hear(untouched, after)
    assert touched.entries == untouched.entries


def hear(book: KeyBook, history: list[ModelOutcome]) -> list[int]:
    """How many lines each outcome posted that was no conflict."""
    posted = []
    for outcome in history:
        try:
            posted.append(len(record(book, outcome).entries))
        except Conflict:
            continue
    return posted


NEWEST_FIRST = [
    outcome
    for second in range(4_000, 0, -2)
    for outcome in (reversal(second), charge(second - 1, second))
]
IN_ORDER = [
    outcome
    for second in range(0, 3_000, 3)
    for outcome in (charge(second, 10), reversal(second + 1), reinstatement(second + 2))
]


@pytest.mark.parametrize("history", [NEWEST_FIRST, IN_ORDER], ids=["newest first", "in order"])
def test_an_outcome_changes_what_the_next_reversals_remember_and_not_all_of_them(
    monkeypatch: pytest.MonkeyPatch, history: list[ModelOutcome]
) -> None:
    looked: Counter[str] = Counter()
    held = Timeline.held

    def counted(self: Timeline, interval: int) -> Held | None:
        looked["intervals"] += 1
        return held(self, interval)

    monkeypatch.setattr(Timeline, "held", counted)
    book = book_of(*history)
    assert len(book.timeline.remembered) >= 1_000
    assert looked["intervals"] < 20 * len(history)


def test_of_thousands_of_outcomes_few_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    book = book_of(*(charge(second, 10) for second in range(5_000)))
    looks = Counter[str]()

    def counted(name: str) -> None:
        key: Callable[[Recorded], object] = getattr(timeline, name)

        def look(outcome: Recorded) -> object:
            looks[name] += 1
            return key(outcome)

        monkeypatch.setattr(timeline, name, look)

    for name in ("_sort_key", "_by_record", "_by_arrival"):
        counted(name)
    for second in range(100):
        record(book, charge(second, 10))
    assert 0 < looks.total() < 100 * 500


async def test_copies_of_a_moment_are_counted_and_not_loaded(workshop: Workshop) -> None:
    settler = await workshop.settler()
    often = [bill("untimed"), bill("timed", at=at(1)), undo("timed", at=at(2))]
    await settler.settle(await workshop.post(*(body(one) for one in often * 20)))
    async with workshop.database.read() as connection:
        books = await load_books(connection, ["timed", "untimed", "unknown"])
    assert [(one.kind, one.ordinal) for one in books["untimed"].outcomes] == [("charge", 1)]
    assert [(one.kind, one.ordinal) for one in books["timed"].outcomes] == [
        ("charge", 1),
        ("reversal", 2),
    ]
    assert {key: book.last_ordinal for key, book in books.items()} == {
        "untimed": 20,
        "timed": 40,
        "unknown": 0,
    }
    await settler.settle(await workshop.post(body(bill("untimed")), body(bill("timed", at=at(3)))))
    assert await workshop.count(outcomes) == 62
    assert await workshop.open_micros() == {"untimed": 990_000, "timed": 990_000}


async def test_by_latest_the_last_received_of_a_time_is_loaded(workshop: Workshop) -> None:
    settler = await workshop.settler()
    often = [bill("key", at=at(1), micros=number % 3, amount="latest") for number in range(20)]
    ids = await workshop.post(*(body(one) for one in often))
    await settler.settle(ids[10:])
    await settler.settle(ids[:10])
    async with workshop.database.read() as connection:
        (one,) = (await load_books(connection, ["key"]))["key"].outcomes
    assert (one.provenance.delivery_id, one.terms.amount_micros) == (ids[-1], 19 % 3)
    assert one.arrival.delivery_id == ids[-1]


#: Which amount is owed: by which rule, at which second, and what comes first.
CORRECTED = {
    "first: the first of one time stands": ("first", (1, 0), (1, 2_500_000_000), 0),
    "latest: the last received of one time": ("latest", (1, 0), (1, 2_500_000_000), 2_500_000_000),
    "first: the earlier counts": ("first", (5, 10), (1, 20), 20),
    "latest: the later counts": ("latest", (5, 10), (1, 20), 10),
    "latest: the later counts in its order too": ("latest", (1, 20), (5, 10), 10),
}


@pytest.mark.parametrize("way", ["one by one", "together", "the first fails and is replayed"])
@pytest.mark.parametrize(
    ("rule", "first", "second", "owed"), CORRECTED.values(), ids=CORRECTED.keys()
)
async def test_a_corrected_amount_is_owed_by_its_rule(
    workshop: Workshop,
    rule: str,
    first: tuple[int, int],
    second: tuple[int, int],
    owed: int,
    way: str,
) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    charges = [
        bill("key", at=at(second), micros=micros, amount=rule) for second, micros in (first, second)
    ]
    if way == "the first fails and is replayed":
        charges[0]["needs"] = "a price"
    ids = await workshop.post(*map(body, charges))
    for some in [ids] if way == "together" else [[one] for one in ids]:
        await settler.settle(some)
    fake.knows.add("a price")
    await workshop.replay(settler, fake, DeliveryFilter(state="failed"))
    if way == "the first fails and is replayed" and rule == "first" and first[0] == second[0]:
        owed = second[1]  # of one time the first recorded stands
    line = (await workshop.open_lines())["key"]
    assert line.micros == owed
    assert line.at == at(dict((first[::-1], second[::-1]))[owed])
    if way == "together":
        assert len((await workshop.ledgers())["key"]) == 1


async def test_what_replaces_a_charge_by_hand_stands_where_that_was_received(
    workshop: Workshop,
) -> None:
    fake = FakeMappings()
    desk = Desk(workshop, fake, await workshop.settler(fake))
    (delivery,) = await desk.settle(bill("key", at=at(1), micros=10, amount="latest"))
    fake.micros = 30
    assert (await desk.rebill(delivery)).corrected == 1
    async with workshop.database.read() as connection:
        (one,) = (await load_books(connection, ["key"]))["key"].outcomes
    assert (one.terms.amount_micros, one.arrival.delivery_id) == (30, delivery)
    fake.micros = None
    await desk.settle(bill("key", at=at(1), micros=40, amount="latest"))
    async with workshop.database.read() as connection:
        (one,) = (await load_books(connection, ["key"]))["key"].outcomes
    assert (one.terms.amount_micros, await workshop.open_micros()) == (40, {"key": 40})
