from __future__ import annotations

from jobs.scratch import Scratch
from tests.jobs.builders import told
from tests.jobs.model import Said


def test_books_laid_aside_are_the_books_taken_up_again() -> None:
    books = {
        f"key-{n}": told(Said("charge", n, 990_000), Said("reversal", n + 1)) for n in range(1_200)
    }
    with Scratch() as scratch:
        scratch.lay_aside(books)
        assert scratch.take_up([*books, "unknown"]) == books
        changed = told(Said("charge", 5, 990_000))
        scratch.lay_aside({"key-1": changed})
        assert scratch.take_up(["key-1", "key-2"]) == {"key-1": changed, "key-2": books["key-2"]}
