"""The window that is shown for a preset is the one that is judged, for every preset."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from receiver.signatures import PRESETS, SignatureError, verify
from receiver.signatures.custom import jwts
from receiver.signatures.describing import describe
from receiver.signatures.tolerance import span_text
from tests.support.requests import NOW, signed

YEARS = 10 * 365 * 86_400
#: Some vendors sign whole seconds.
ROUNDING = 2
TIMED = [name for name, scheme in PRESETS.items() if describe(scheme).window_seconds is not None]
EXPIRING = [name for name, scheme in PRESETS.items() if describe(scheme).expires]
UNTIMED = [name for name, scheme in PRESETS.items() if describe(scheme).window == "none"]


def cause(name: str, request: dict[str, Any], now: float) -> str | None:
    """Why the request does not pass at that time; None where it does."""
    try:
        verify(name, **(request | {"now": now}))
    except SignatureError as error:
        return error.cause
    return None


def test_every_preset_is_one_of_the_three() -> None:
    assert sorted(TIMED + EXPIRING + UNTIMED) == sorted(PRESETS)


@pytest.mark.parametrize("name", TIMED)
def test_the_seconds_shown_are_those_judged_before_and_after(name: str) -> None:
    shown, request = describe(PRESETS[name]), signed(name)
    window, ahead = shown.window_seconds, shown.ahead_seconds
    assert window is not None
    assert ahead is not None
    if window == ahead:
        assert shown.window == f"{window} s"
    else:
        which = "for retries" if PRESETS[name].retries_keep_time else "back"
        assert shown.window == f"{span_text(window)} {which}, {ahead} s ahead"
    assert cause(name, request, NOW + window - ROUNDING) is None
    assert cause(name, request, NOW + window + ROUNDING) == "stale-timestamp"
    assert cause(name, request, NOW - ahead + ROUNDING) is None
    assert cause(name, request, NOW - ahead - ROUNDING) == "future-timestamp"


@pytest.mark.parametrize("name", EXPIRING)
@pytest.mark.parametrize("lifetime", [60, 900])
def test_a_token_passes_until_it_expires_however_long_that_is(
    name: str, lifetime: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwts, "_LIFETIME_SECONDS", lifetime)
    shown, request = describe(PRESETS[name]), signed(name)
    token = request["headers"][shown.header.lower()].rpartition(" ")[2]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == lifetime
    assert cause(name, request, claims["exp"] - 1) is None
    assert cause(name, request, claims["exp"]) == "stale-timestamp"
    assert shown.window_seconds is None
    assert "until its exp" in shown.window
    assert shown.ahead_seconds is not None
    assert f"{shown.ahead_seconds} s ahead" in shown.window
    assert cause(name, request, claims["iat"] - shown.ahead_seconds) is None
    assert cause(name, request, claims["iat"] - shown.ahead_seconds - 1) == "future-timestamp"


@pytest.mark.parametrize("name", UNTIMED)
def test_where_no_window_is_shown_none_is_judged(name: str) -> None:
    request = signed(name)
    assert cause(name, request, NOW + YEARS) is None
    assert cause(name, request, NOW - YEARS) is None
