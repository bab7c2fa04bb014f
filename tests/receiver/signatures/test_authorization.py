"""Authorization is read in one way: the scheme's name in any case, any spaces behind it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from receiver.signatures import PRESETS, Scheme, SignatureError, scheme_of, sign, verify
from tests.support.requests import NOW, signed

USER = "user:pass word:with colons"
TOKEN = {"scheme": "token", "header": "Authorization"}


def verifies(scheme: str | Scheme, secret: str, value: str) -> bool:
    request: dict[str, Any] = {"method": "POST", "url": "https://h.example/", "body": b"{}"}
    try:
        verify(scheme, secrets=[secret], headers={"Authorization": value}, now=NOW, **request)
    except SignatureError:
        return False
    return True


def written(name: str, rest: str) -> list[str]:
    """As RFC 7235 lets a sender write them."""
    return [
        f"{name} {rest}",
        f"{name.lower()} {rest}",
        f"{name.upper()} {rest}",
        f"{name.swapcase()}   {rest}",
        f" \t{name} {rest} \t",
    ]


@pytest.mark.parametrize("scheme", ["basic", "pipedrive"])
def test_basic_in_any_case(scheme: str) -> None:
    known = scheme_of({"scheme": scheme})
    encoded = base64.b64encode(USER.encode()).decode()
    for value in written("Basic", encoded):
        assert verifies(known, USER, value), value
    for value in (encoded, f"Basic{encoded}", f"Bearer {encoded}", f"Basic x {encoded}", "Basic "):
        assert not verifies(known, USER, value), value


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer", "Bearer"])
def test_a_bearer_token_in_any_case_however_the_mapping_writes_it(prefix: str) -> None:
    known = scheme_of(TOKEN | {"prefix": prefix})
    for value in written("Bearer", "a-token-of-mine"):
        assert verifies(known, "a-token-of-mine", value), value
    for value in ("a-token-of-mine", "Bearera-token-of-mine", "Token a-token-of-mine"):
        assert not verifies(known, "a-token-of-mine", value), value
    request: dict[str, Any] = {"method": "POST", "url": "https://h.example/", "body": b"{}"}
    [value] = sign(known, secret="s", headers={}, now=NOW, **request).values()
    assert value == f"{prefix.strip()} s"


def test_a_prefix_that_names_no_scheme_is_compared_as_it_stands() -> None:
    glued = scheme_of(TOKEN | {"prefix": "Token token="})
    assert verifies(glued, "abc", "Token token=abc")
    assert not verifies(glued, "abc", "token Token=abc")
    bare = scheme_of(TOKEN)
    assert verifies(bare, "abc", "abc")
    assert not verifies(bare, "abc", "Bearer abc")


def test_in_another_header_a_prefix_is_compared_as_it_stands() -> None:
    known = scheme_of({"scheme": "token", "header": "X-Key", "prefix": "Key "})
    request: dict[str, Any] = {"method": "POST", "url": "https://h.example/", "body": b"{}"}
    headers = {"x-key": "key abc"}
    with pytest.raises(SignatureError, match="missing-token"):
        verify(known, secrets=["abc"], headers=headers, now=NOW, **request)


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "pipedrive"])
def test_every_preset_in_that_header_takes_its_scheme_in_any_case(name: str) -> None:
    """Those that have one; for a new preset too."""
    request = signed(name)
    kind, blank, rest = request["headers"].get("authorization", "").partition(" ")
    for value in written(kind, rest) if blank else []:
        headers = request["headers"] | {"authorization": value}
        assert verify(name, **(request | {"headers": headers})).secret_index == 0, value


@pytest.mark.parametrize("kind", ["bearer", "BEARER", "jwt", "Jwt", "Bearer  "])
def test_a_signed_token_behind_a_scheme_in_any_case(kind: str) -> None:
    vectors = json.loads((Path(__file__).parents[2] / "vectors" / "monday.json").read_text())
    vector = next(one for one in vectors if one["expect"] == "valid")
    token = vector["headers"]["Authorization"].rpartition(" ")[2]
    verified = verify(
        "monday",
        secrets=[vector["secret"]],
        method=vector["method"],
        url=vector["url"],
        headers={"Authorization": f"{kind} {token}"},
        body=vector["body"].encode(),
        now=vector["now"],
    )
    assert verified.secret_index == 0
