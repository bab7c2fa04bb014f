"""Times as vendors write them: one reader for `occurred_at` and `timestamp()`, and no guess."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from cel_expr_python import cel

from mappings.engine.common.errors import InvalidValue
from mappings.engine.common.times import parse_time
from mappings.engine.reasons import Reason
from mappings.engine.types import Mapped
from tests.mappings.kit import mapped, only_failure, only_outcome, rule

HALF_PAST_NINE = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
#: Each names the same moment.
WRITTEN = {
    "RFC 3339": "2026-02-28T09:30:00Z",
    "Jira, Salesforce": "2026-02-28T10:30:00.000+0100",
    "hours alone": "2026-02-28T10:30:00+01",
    "PHP's DATE_ATOM": "2026-02-28T10:30:00+01:00",
    "GitLab on UTC, Rails": "2026-02-28 09:30:00 UTC",
    "GitLab on another zone": "2026-02-28 11:30:00 +0200",
    "a blank, no blank": "2026-02-28 04:00:00-05:30",
    "lower case": "2026-02-28t09:30:00z",
    "GMT": "2026-02-28T09:30:00 GMT",
    "nanoseconds": "2026-02-28T09:30:00.000000000Z",
    "a comma": "2026-02-28T09:30:00,000Z",
    "no seconds": "2026-02-28T09:30Z",
    "basic": "20260228T093000Z",
    "RFC 2822": "Sat, 28 Feb 2026 10:30:00 +0100",
    "HTTP": "Sat, 28 Feb 2026 09:30:00 GMT",
    "blanks around": " 2026-02-28T09:30:00Z\n",
}
REFUSED = {
    "2026-02-28T09:30:00": "has no time zone",
    "2026-02-28 09:30:00": "has no time zone",
    "Sat, 28 Feb 2026 09:30:00": "has no time zone",
    "2026-02-28T09:30:00 CET": "is not a readable time",
    "Sat, 28 Feb 2026 09:30:00 EST": "is not a readable time",
    "2026-02-28": "is a date without a time of day",
    "1772271000": "is a number",
    "2026-W09-6T09:30:00Z": "is not a readable time",
    "2026-02-29T09:30:00Z": "names a time that does not exist",
    "2026-02-28T24:00:00Z": "names a time that does not exist",
    "2026-02-28T09:30:00+24:00": "names a time that does not exist",
    "yesterday": "is not a readable time",
}
#: CEL's own timestamp() takes these for the first century, so only occurred_at refuses them.
SHORT_YEARS = ("26-02-28T09:30:00Z", "226-02-28 09:30:00 UTC", "Sat, 28 Feb 26 09:30:00 GMT")


def timed(expression: str, text: str) -> Mapped:
    return mapped(rule(occurred_at=f"${{{{ {expression} }}}}"), {"id": 1, "t": text})


@pytest.mark.parametrize("expression", ["event.t", "timestamp(event.t)"])
@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN.keys())
def test_each_form_is_read_alike_in_a_field_and_in_an_expression(
    text: str, expression: str
) -> None:
    outcome = only_outcome(
        mapped(rule(occurred_at=f"${{{{ {expression} }}}}"), {"id": 1, "t": text})
    )
    assert outcome.occurred_at == HALF_PAST_NINE


@pytest.mark.parametrize("expression", ["event.t", "timestamp(event.t)"])
@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=REFUSED.keys())
def test_what_is_no_moment_is_refused_alike(text: str, message: str, expression: str) -> None:
    failure = only_failure(
        mapped(rule(occurred_at=f"${{{{ {expression} }}}}"), {"id": 1, "t": text})
    )
    assert failure.reason is Reason.MAPPING
    assert message in failure.detail


@pytest.mark.parametrize("text", SHORT_YEARS)
def test_a_year_of_two_digits_is_no_guess(text: str) -> None:
    failure = only_failure(mapped(rule(occurred_at="${{ event.t }}"), {"id": 1, "t": text}))
    assert "is not a readable time" in failure.detail


def test_the_reader_takes_all_that_cel_takes_and_gives_the_same() -> None:
    environment = cel.NewEnv(variables={"text": cel.Type.DYN})
    program = environment.compile("timestamp(text)")
    read = 0
    for date, between, time, fraction, offset in itertools.product(
        ("2026-01-31", "2026-1-3", "0226-01-01", "2026-02-30"),
        ("T", "t", " "),
        ("09:30:00", "9:3:0", "09:30", "24:00:00", "23:59:60", "09:61:00"),
        ("", ".5", ",25", ".123456789012"),
        ("Z", "+0000", "-01", "+01:00", " +0200", "", "+24:00", "+1", "+01:00:30"),
    ):
        text = f"{date}{between}{time}{fraction}{offset}"
        value = program.eval(environment.Activation({"text": text}))
        if value.type() != cel.Type.ERROR:
            assert parse_time(text) == value.value(), text
            read += 1
    assert read > 100  # of what the library reads


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ('timestamp(event.t + "Z")', "2026-02-28 09:30:00"),
        ('timestamp(event.t + "+01:00")', "2026-02-28 10:30:00"),
        ('timestamp(event.t, "Europe/Berlin")', "2026-02-28 10:30:00"),
        ('timestamp(event.t, "Europe/Berlin")', "2026-02-28T09:30:00Z"),
        ('timestamp(event.t + "T09:30:00Z")', "2026-02-28"),
        ("seconds(int(event.t))", "1772271000"),
    ],
)
def test_the_remedies_can_be_followed(expression: str, text: str) -> None:
    outcome = only_outcome(
        mapped(rule(occurred_at=f"${{{{ {expression} }}}}"), {"id": 1, "t": text})
    )
    assert outcome.occurred_at == HALF_PAST_NINE


@pytest.mark.parametrize(
    ("text", "zone", "message"),
    [
        ("2026-10-25 02:30:00", "Europe/Berlin", "happens twice in Europe/Berlin"),
        ("2026-03-29 02:30:00", "Europe/Berlin", "happens never in Europe/Berlin"),
        ("2026-02-28 09:30:00", "Europe/Berln", 'no time zone "Europe/Berln"'),
        ("2026-02-28 09:30:00", "../../etc/passwd", "no time zone"),
    ],
)
def test_a_zone_is_no_guess(text: str, zone: str, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        parse_time(text, zone)


def test_times_are_compared_and_reckoned_with_in_any_form() -> None:
    text = rule(
        when='timestamp(event.ended) - timestamp(event.began) >= duration("30m")',
        occurred_at="${{ event.ended }}",
    )
    payload = {"id": 1, "began": "2026-02-28 10:00:00 +0100", "ended": "2026-02-28T09:30:00.0+0000"}
    assert only_outcome(mapped(text, payload)).occurred_at == HALF_PAST_NINE
