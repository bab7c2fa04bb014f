"""A key may be heard of very often: what decides on it stays small, and quick to decide on."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from jobs.ledger.book import KeyBook
from jobs.ledger.keybook import load_books
from jobs.ledger.owing import Conflict
from jobs.schema import outcomes
from tests.jobs.builders import at, tell, told
from tests.jobs.doubles import bill, body, undo
from tests.jobs.model import Said, charge, reversal
from tests.jobs.workshop import Workshop

SAID = st.one_of(
    st.builds(
        charge,
        st.one_of(st.none(), st.integers(0, 4)),
        st.sampled_from([10, 20]),
        st.sampled_from(["acme", "globex"]),
    ),
    st.builds(reversal, st.one_of(st.none(), st.integers(0, 4))),
)


@given(st.lists(SAID, max_size=6), SAID, st.lists(SAID, max_size=3))
def test_what_was_taken_back_was_never_there(
    before: list[Said], taken_back: Said, after: list[Said]
) -> None:
    untouched, touched = KeyBook("key"), KeyBook("key")
    for book in (untouched, touched):
        hear(book, before)
    step = hear(touched, [taken_back])
    if step:
        touched.take_back(posted=step[0])
    assert (touched.outcomes, touched.entries) == (untouched.outcomes, untouched.entries)
    assert hear(touched, after) == hear(untouched, after)
    assert touched.entries == untouched.entries


def hear(book: KeyBook, history: list[Said]) -> list[int]:
    """How many lines each outcome posted that was no conflict."""
    posted = []
    for said in history:
        try:
            posted.append(len(tell(book, said).entries))
        except Conflict:
            continue
    return posted


def test_thousands_of_moments_are_decided_on_in_no_time() -> None:
    book = told(*(charge(second, 10) for second in range(5_000)))
    started = time.monotonic()
    for second in range(1_000):
        tell(book, charge(second, 10))
    assert time.monotonic() - started < 1


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
