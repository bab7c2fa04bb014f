"""What vendors ask for, held against the presets: windows that cover retries, and answers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from receiver.signatures import PRESETS, Request, Response, Scheme
from receiver.signatures.tolerance import span_text
from tests.support.sources_page import vendors

#: As the head of docs/vendors.yaml lists them.
STATUSES = "2xx|200|201|202|204|200 or 201|200 or 204|any status|not documented"
ANSWER = re.compile(rf"({STATUSES})(, empty body|, its own body)?(, within [0-9.]+ (?:s|min))?")
#: Where the receiver's own 202 is an answer that the vendor takes.
OPEN = ("2xx", "any status", "not documented")


def answer_of(scheme: Scheme) -> Response | None:
    named = {one.field.name.lower(): "x" for one in [scheme.echo] if one is not None}
    return scheme.acknowledgement(Request("POST", "https://h.example/x", named, b"{}"))


@pytest.mark.parametrize("name", PRESETS)
def test_the_window_covers_retries_under_the_first_time_and_no_more_ahead(name: str) -> None:
    scheme = PRESETS[name]
    if scheme.retries_keep_time:
        assert scheme.is_timed, "no time is judged: leave retries_keep_time out"
        assert scheme.retry_span_seconds, "name the span that the window has to cover"
    if scheme.retries_keep_time and not scheme.expires:
        assert scheme.window_seconds is not None
        assert scheme.window_seconds > (scheme.retry_span_seconds or 0)
    elif scheme.window_seconds is not None:
        assert scheme.window_seconds == max(scheme.tolerance_seconds, scheme.vendor_window_seconds)
    if scheme.ahead_seconds is not None:
        assert scheme.ahead_seconds == scheme.tolerance_seconds <= 300


@pytest.mark.parametrize("name", PRESETS)
def test_a_delivery_is_answered_as_the_documentation_asks(name: str) -> None:
    asked = ANSWER.fullmatch(vendors()[name]["answer"].removesuffix(" (?)"))
    assert asked, "write it as the head of docs/vendors.yaml has it"
    answer = answer_of(PRESETS[name])
    if asked[1] not in OPEN:
        assert answer is not None, f"add success: it asks for {asked[0]}"
        assert str(answer.status) in asked[1].split(" or ")
    if asked[2] == ", empty body":
        assert answer is not None
        assert (answer.body, answer.own_body) == (b"", False)
    if asked[2] == ", its own body":
        assert answer is not None
        assert answer.body


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_its_source_and_the_month_of_looking_it_up(name: str) -> None:
    said = vendors()[name]
    assert said["docs"].startswith("https://")
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", said["checked"])


def test_a_tolerance_that_a_mapping_sets_is_the_window_on_both_sides() -> None:
    wide = replace(
        PRESETS["zendesk"],
        retry_span_seconds=21_600,
        retries_keep_time=True,
    )
    assert (wide.window_seconds, wide.ahead_seconds) == (23_760, 300)
    own = replace(wide, tolerance_seconds=60, covers_retries=False)
    assert (own.window_seconds, own.ahead_seconds) == (60, 60)


def test_a_request_is_taken_as_long_as_the_vendors_own_code_takes_it() -> None:
    elevenlabs, box = PRESETS["elevenlabs"], PRESETS["box"]
    assert (elevenlabs.window_seconds, elevenlabs.ahead_seconds) == (1_800, 300)
    assert (box.window_seconds, box.ahead_seconds) == (600, 300)
    own = replace(elevenlabs, tolerance_seconds=60, covers_retries=False)
    assert (own.window_seconds, own.ahead_seconds) == (60, 60)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (45, "45s"), (1800, "30m"), (25_260, "7h 1m"), (25_261, "7h 1m"), (259_200, "3d")],
)
def test_a_span_is_written_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert span_text(seconds) == text
