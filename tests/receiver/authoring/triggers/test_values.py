from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from receiver.authoring.triggers.bodies import Scalar
from receiver.authoring.triggers.values import FreshIds, moment_of, moved

AT = datetime(2026, 9, 21, 14, 13, 15, tzinfo=UTC)
BY = timedelta(days=40, hours=1, seconds=1)


@pytest.mark.parametrize(
    ("written", "then"),
    [
        ("2026-09-21T14:13:15Z", "2026-10-31T15:13:16Z"),
        ("2026-09-21T14:13:15.5470Z", "2026-10-31T15:13:16.5470Z"),
        ("2026-09-21T10:13:15-04:00", "2026-10-31T11:13:16-04:00"),
        ("2026-09-21 16:13:15 +0200", "2026-10-31 17:13:16 +0200"),
        ("2026-09-21 14:13:15 UTC", "2026-10-31 15:13:16 UTC"),
        ("2026-09-21 14:13", "2026-10-31 15:13"),
        ("2026-09-21", "2026-10-31"),
        (1790000000, 1793459601),
        (1790000000.25, 1793459601.25),
        (1790000000123, 1793459601123),
        ("1790000000", "1793459601"),
        ("1790000000.000300", "1793459601.000300"),
        ("solved", None),
        ("2026-13-45T00:00:00Z", None),
        (13, None),
    ],
)
def test_a_time_is_moved_in_the_form_that_it_has(written: Scalar, then: Scalar | None) -> None:
    assert moved(written, BY) == then


@pytest.mark.parametrize(
    "written",
    ["2026-09-21T14:13:15Z", "2026-09-21 16:13:15 +0200", "2026-09-21T10:13:15-04", 1789999995],
)
def test_a_time_is_read_with_its_offset(written: Scalar) -> None:
    assert moment_of(written) == AT
    assert moment_of("no time") is None


@pytest.mark.parametrize(
    "old",
    [
        *(13, 820982911946154508, "35436", "OPS-418", "oc_812", "evt_1NkZ5b2eZvKYlo2CabcX"),
        *("8f2b6c1a-9d3e-4a7f-b5c2-1e6f9a0d4b7c", "gid://shopify/Order/8209"),
        *("https://a.example/x/8f2b6c1a-9d3e-4a7f-b5c2-1e6f9a0d4b7c", "ana@example.com", "=="),
    ],
)
def test_a_new_id_has_the_form_of_the_old_one_and_is_another_each_time(old: Scalar) -> None:
    ids = FreshIds(now=1_800_000_000.0, random=Random(1))
    new = ids.of(old)
    later = FreshIds(now=1_800_000_001.0, random=Random(2)).of(old)
    assert type(new) is type(old)
    assert len({old, new, later}) == 3
    assert ids.of(old) == new
    if isinstance(old, str) and "-" in old and "/" not in old:
        assert isinstance(new, str)
        assert new.count("-") == old.count("-")
    if isinstance(new, int):
        assert new < 2**53


def test_a_kept_id_stays() -> None:
    ids = FreshIds(now=0.0, random=Random(1))
    ids.keep("a")
    assert ids.of("a") == "a"
