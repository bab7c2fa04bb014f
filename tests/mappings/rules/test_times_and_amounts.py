"""Times, values and tags of an outcome: read exactly, or refused with the reason."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote_plus

import pytest

from mappings.engine.reasons import Reason
from mappings.engine.types import Mapped
from tests.mappings.kit import (
    RECEIVED_AT,
    mapped,
    only_failure,
    only_outcome,
    rule,
)


def timed(expression: str, payload: Any, **changes: Any) -> Mapped:
    return mapped(rule(occurred_at=f"${{{{ {expression} }}}}"), {"id": 1, **payload}, **changes)


@pytest.mark.parametrize(
    ("expression", "value", "moment"),
    [
        ("event.t", "2026-02-28T09:30:00Z", "2026-02-28T09:30:00+00:00"),
        ("event.t", "2026-02-28t09:30:00z", "2026-02-28T09:30:00+00:00"),
        ("event.t", "2026-02-28 09:30:00.123456789+02:00", "2026-02-28T07:30:00.123456+00:00"),
        ("timestamp(event.t)", "2026-02-28T09:30:00.5Z", "2026-02-28T09:30:00.500000+00:00"),
        ("millis(event.t)", 1772271000123, "2026-02-28T09:30:00.123000+00:00"),
        ("seconds(event.t)", 1772271000, "2026-02-28T09:30:00+00:00"),
        ("seconds(event.t)", 1772271000.25, "2026-02-28T09:30:00.250000+00:00"),
        ("millis(int(event.t))", "1772271000123", "2026-02-28T09:30:00.123000+00:00"),
        ('event.t + "T00:00:00Z"', "2026-02-28", "2026-02-28T00:00:00+00:00"),
        ("received_at", "", RECEIVED_AT.isoformat()),
    ],
)
def test_times_are_read_exactly(expression: str, value: Any, moment: str) -> None:
    outcome = only_outcome(timed(expression, {"t": value}))
    assert outcome.occurred_at is not None
    assert outcome.occurred_at.isoformat() == moment


@pytest.mark.parametrize(
    ("expression", "payload", "said"),
    [
        ("event.t", {}, 'no member "t"'),
        ("event.t", {"t": None}, 'no member "t"'),
        ("event.t", {"t": ""}, "it is empty"),
        ("event.t", {"t": "2026-02-28"}, "is a date without a time of day"),
        ("event.t", {"t": "2026-02-28T09:30:00"}, "has no time zone"),
        ("event.t", {"t": "2026-02-30T09:30:00Z"}, "names a time that does not exist"),
        ("event.t", {"t": "yesterday"}, "is not a readable time"),
        ("event.t", {"t": 1772271000}, "millis(…) or seconds(…)"),
        ("millis(event.t)", {"t": 1772271000}, "400 days before receipt"),
        (
            "seconds(event.t)",
            {"t": 1772271000123},
            "seconds(1772271000123) is outside the years 1 to 9999",
        ),
        ("seconds(event.t)", {"t": "1772271000"}, "seconds(int(…))"),
        ("event.t", {"t": "2026-03-01T12:05:01Z"}, "5 minutes after receipt"),
    ],
)
def test_a_time_that_cannot_be_right_fails(expression: str, payload: Any, said: str) -> None:
    failure = only_failure(timed(expression, payload))
    assert (failure.reason, failure.field) == (Reason.MAPPING, "occurred_at")
    assert said in failure.detail


@pytest.mark.parametrize(
    ("off", "fits"),
    [
        (timedelta(minutes=5), True),
        (timedelta(minutes=5, seconds=1), False),
        (timedelta(days=-400), True),
        (timedelta(days=-400, seconds=-1), False),
    ],
    ids=str,
)
def test_how_far_a_time_may_lie_from_receipt(off: timedelta, fits: bool) -> None:
    payload = {"t": (RECEIVED_AT + off).isoformat()}
    assert bool(timed("event.t", payload).outcomes) is fits
    assert timed("event.t", payload, oldest_days=None).failures == ()


@pytest.mark.parametrize(
    ("off", "judged", "fits"),
    [
        (timedelta(minutes=20), timedelta(minutes=15), True),
        (timedelta(minutes=20), timedelta(minutes=14), False),
        (timedelta(minutes=5), timedelta(days=-1), True),
        (timedelta(days=-400), timedelta(days=9), True),
        (timedelta(days=-401), timedelta(days=-1), True),
    ],
    ids=str,
)
def test_a_time_is_judged_by_receipt_and_by_now_whichever_it_fits(
    off: timedelta, judged: timedelta, *, fits: bool
) -> None:
    """So that a clock of receipt that was wrong fails nothing for good."""
    payload = {"t": (RECEIVED_AT + off).isoformat()}
    found = timed("event.t", payload, judged_at=RECEIVED_AT + judged)
    assert bool(found.outcomes) is fits


def test_without_a_mapped_time_the_price_is_that_at_receipt() -> None:
    outcome = only_outcome(mapped(rule(), {"id": 1}))
    assert outcome.occurred_at is None
    assert outcome.amount_micros == 800_000


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        ("1000", 25_000_000),
        (1000, 25_000_000),
        (1000.0, 25_000_000),
        (1000.5, 25_012_500),
        ("0.10", 2_500),
        ("0", 0),
        (-0.0, 0),
        ("00012.5", 312_500),
        ("1.25E3", 31_250_000),
        ("1e+06", 25_000_000_000),
        (1e-7, 0),
    ],
)
def test_a_percentage_is_taken_of_the_value(value: Any, micros: int) -> None:
    text = rule(indicator="saved", value="${{ event.v }}")
    outcome = only_outcome(mapped(text, {"id": 1, "v": value}))
    assert (outcome.amount_micros, outcome.currency) == (micros, "EUR")
    assert outcome.value == Decimal(str(value))


@pytest.mark.parametrize(
    ("written", "exactly"),
    [
        ("1000000.0", "1000000.0"),
        ("1e6", "1000000.0"),
        ("1.25E7", "12500000.0"),
        ("123456789012.1234567", "123456789012.1234567"),
        ("100.00000050000000001", "100.00000050000000001"),
        ("0.1000000000000000055511151231257827021181583404541", None),
        ('"0.1000000000000000055511151231257827021181583404541015"', None),
        ("1234.5600000000001", "1234.5600000000001"),
        ("12050", "12050"),
    ],
)
def test_a_number_is_read_to_the_last_digit_that_was_sent(
    written: str, exactly: str | None
) -> None:
    body = f'{{"id": 1, "v": {written}}}'.encode()
    for template in ("${{ event.v }}", "${{ v }}"):
        text = rule(indicator="saved", value=template, let="let: {v: event.v}\n")
        value = only_outcome(mapped(text, body)).value
        assert str(value) == (exactly or written.strip('"'))


def test_a_number_as_text_is_read_as_the_number() -> None:
    text = rule(indicator="saved", value="${{ string(event.v) }}")
    for number in (1000000.0, 1234567.89, 100.0, 1e-5):
        outcome = only_outcome(mapped(text, {"id": 1, "v": number}))
        assert outcome.value == Decimal(str(number))


def test_two_numbers_that_a_floating_number_cannot_tell_apart_bill_nothing() -> None:
    text = rule(indicator="saved", value="${{ event.v }}")
    body = b'{"id": 1, "v": 100.00000000000000001, "w": 100.00000000000000002}'
    assert (
        "100.00000000000000002, which are one and the same"
        in only_failure(mapped(text, body)).detail
    )


@pytest.mark.parametrize("exponent", ["-99999999", "-9999999999999999999", "-401"])
def test_a_number_of_no_size_that_an_amount_has_is_a_failure_at_once(exponent: str) -> None:
    text = rule(indicator="saved", value="${{ event.v }}")
    found = mapped(text, f'{{"id": 1, "v": 1234567890123456789e{exponent}}}'.encode())
    if found.failures:
        assert "exponent beyond 400" in only_failure(found).detail
    else:
        assert only_outcome(found).amount_micros == 0


def test_a_long_number_in_a_forms_json_is_read_as_it_was_sent() -> None:
    text = rule(indicator="saved", value="${{ event.v }}")
    body = quote_plus('{"id": 1, "v": 123456789012.1234567}')
    headers = {"content-type": "application/x-www-form-urlencoded"}
    found = mapped(text, f"payload={body}".encode(), headers=headers)
    assert str(only_outcome(found).value) == "123456789012.1234567"


def test_a_number_inside_json_inside_text_is_read_too() -> None:
    text = rule(indicator="saved", value="${{ json(event.raw).v }}")
    assert only_outcome(mapped(text, {"id": 1, "raw": '{"v": 12.5}'})).value == Decimal("12.5")


@pytest.mark.parametrize(
    "value",
    [
        True,
        "",
        " 5",
        "1,000",
        "-5",
        "NaN",
        "Infinity",
        "0x10",
        "1" * 13,
        "٣",
        -1,
        -0.5,
        1e300,
        "1e999",
    ],
    ids=repr,
)
def test_a_value_that_is_no_amount_fails(value: Any) -> None:
    text = rule(indicator="saved", value="${{ event.v }}")
    failure = only_failure(mapped(text, {"id": 1, "v": value}))
    assert (failure.reason, failure.field) == (Reason.MAPPING, "value")


def test_tags_are_texts() -> None:
    text = rule(
        meta_tags='{a: b, n: 5, t: true, v: "${{ event.v }}", m: "x-${{ event.n }}-${{ event.t }}"}'
    )
    outcome = only_outcome(mapped(text, {"id": 1, "v": "", "n": 2**64 - 1, "t": False}))
    assert outcome.meta_tags == {
        "a": "b",
        "n": "5",
        "t": "true",
        "v": "",
        "m": "x-18446744073709551615-false",
    }


@pytest.mark.parametrize(
    ("value", "said"),
    [("x" * 257, "257 characters"), (1.5, "string(…)"), ([1], "a list"), (None, "no member")],
    ids=["long", "float", "list", "absent"],
)
def test_a_wrong_tag_fails(value: Any, said: str) -> None:
    text = rule(meta_tags='{v: "${{ event.v }}"}')
    failure = only_failure(mapped(text, {"id": 1, "v": value}))
    assert (failure.reason, failure.field) == (Reason.MAPPING, "meta_tags.v")
    assert said in failure.detail
