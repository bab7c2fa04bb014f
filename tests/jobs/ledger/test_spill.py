from __future__ import annotations

from contextlib import closing

from jobs.ledger.book import KeyBook
from jobs.ledger.spill import Shelf
from tests.jobs.builders import tell, told
from tests.jobs.model import charge, reversal


def test_what_is_put_aside_is_taken_again_and_replaced() -> None:
    with closing(Shelf[str]()) as shelf:
        many = {f"key {number}": str(number) for number in range(1_200)}
        shelf.put(many)
        shelf.put({"key 7": "another"})
        assert shelf.take([*many, "unknown"]) == {**many, "key 7": "another"}


def test_a_book_that_was_put_aside_decides_as_before() -> None:
    book = told(charge(2, 10), reversal(3))
    with closing(Shelf[KeyBook]()) as shelf:
        shelf.put({"key": book})
        taken = shelf.take(["key"])["key"]
    assert taken == book
    assert tell(taken, charge(4, 20)) == tell(book, charge(4, 20))
    assert taken.entries == book.entries
