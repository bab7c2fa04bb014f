from __future__ import annotations

import pytest

from jobs.storage.batching import by_size

STEPS: dict[str, tuple[list[int], list[int]]] = {
    "nothing": ([], []),
    "few": ([1, 1], [2]),
    "too many": ([0] * 7, [3, 3, 1]),
    "too large together": ([6, 6, 4, 1], [1, 2, 1]),
    "one too large alone": ([1, 99, 1], [1, 1, 1]),
}


@pytest.mark.parametrize(("sizes", "steps"), STEPS.values(), ids=STEPS.keys())
def test_a_batch_of_bodies_is_bounded_in_rows_and_bytes(sizes: list[int], steps: list[int]) -> None:
    given = [(str(number), size) for number, size in enumerate(sizes)]
    found = list(by_size(given, rows=3, size=10))
    assert [len(step) for step in found] == steps
    assert [one for step in found for one in step] == [name for name, _ in given]
