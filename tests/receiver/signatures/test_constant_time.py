"""What verifies is compared by `hmac.compare_digest` and by nothing else.

Shown by a comparison that never agrees: code that compared by `==` would go on taking requests.
"""

from __future__ import annotations

import hmac

import pytest

from receiver.signatures import PRESETS, SignatureError, verify
from receiver.signatures.handshakes import _pass_gate
from tests.support.requests import KEY_PAIRS, signed

#: Their vendors sign with a private key: the library decides, and there is no secret to guess.
BY_PUBLIC_KEY = set(KEY_PAIRS)
BY_SECRET = sorted(set(PRESETS) - BY_PUBLIC_KEY)


@pytest.mark.parametrize("name", BY_SECRET)
def test_what_compare_digest_does_not_agree_to_is_not_verified(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    request = signed(name)
    verify(name, **request)
    monkeypatch.setattr(hmac, "compare_digest", lambda _one, _other: False)
    with pytest.raises(SignatureError):
        verify(name, **request)


def test_the_gate_of_a_handshake_opens_only_by_compare_digest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _pass_gate("a token", ["a token"])
    monkeypatch.setattr(hmac, "compare_digest", lambda _one, _other: False)
    with pytest.raises(SignatureError):
        _pass_gate("a token", ["a token"])
