from __future__ import annotations

from contextlib import closing

from jobs.ledger.book import KeyBook
from jobs.ledger.spill import Spill
from tests.jobs.builders import book_of, record
from tests.jobs.model import charge, reversal


def test_what_is_put_aside_is_taken_again_and_replaced() -> None:
    with closing(Spill[str]()) as spill:
        many = {f"key {number}": str(number) for number in range(1_200)}
        spill.put(many)
        spill.put({"key 7": "another"})
        assert spill.take([*many, "unknown"]) == {**many, "key 7": "another"}


def test_a_book_that_was_put_aside_decides_as_before() -> None:
    book = book_of(charge(2, 10), reversal(3))
    with closing(Spill[KeyBook]()) as spill:
        spill.put({"key": book})
        taken = spill.take(["key"])["key"]
    assert taken == book
    assert record(taken, charge(4, 20)) == record(book, charge(4, 20))
    assert taken.entries == book.entries
