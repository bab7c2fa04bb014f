"""A border between two signed pieces that can be moved: the id would be another, and bill again."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from receiver.signatures import Scheme, SignatureError, scheme_of, verify

KEY = "a secret of text"
NOW = 1_790_000_000


def scheme(template: str) -> Scheme:
    return scheme_of(
        {
            "scheme": "hmac",
            "header": "X-Signature",
            "algorithm": "sha256",
            "encoding": "hex",
            "signed_content": template,
            "timestamp_header": "X-Time",
            "timestamp_unit": "seconds",
            "id_header": "X-Id",
        }
    )


def request(content: bytes, *, id_: str, time: str, body: bytes) -> dict[str, Any]:
    signature = hmac.digest(KEY.encode(), content, "sha256").hex()
    return {
        "secrets": [KEY],
        "method": "POST",
        "url": "https://hooks.example.com/webhooks/x",
        "headers": {"X-Signature": signature, "X-Time": time, "X-Id": id_},
        "body": body,
        "now": NOW,
    }


def test_an_id_that_holds_its_separator_verifies_no_form() -> None:
    made = scheme("{header:x-id}.{timestamp}.{body}")
    content = f"m1.{NOW}.note=x.{NOW}.deal=7".encode()
    assert (
        verify(
            made, **request(content, id_="m1", time=str(NOW), body=content.partition(b".")[2][11:])
        ).delivery_id
        == "m1"
    )
    moved = request(content, id_=f"m1.{NOW}.note=x", time=str(NOW), body=b"deal=7")
    with pytest.raises(SignatureError, match="x-id holds"):
        verify(made, **moved)


def test_an_id_that_holds_its_separator_verifies_json_which_begins_with_nothing_of_an_id() -> None:
    content = f'm.1.{NOW}.{{"deal":7}}'.encode()
    given = request(content, id_="m.1", time=str(NOW), body=b'{"deal":7}')
    assert verify(scheme("{header:x-id}.{timestamp}.{body}"), **given).delivery_id_signed


@pytest.mark.parametrize(
    ("template", "signed"),
    [
        ("{header:x-id}.{timestamp}.{body}", True),
        ("{timestamp}{header:x-id}{body}", True),
        ("{timestamp}{header:x-other}{header:x-id}.{body}", False),
        ("{timestamp}.{url}{header:x-id}.{body}", False),
        ("{timestamp}.{url}.{header:x-id}.{body}", True),
    ],
)
def test_an_id_beside_a_url_or_another_header_is_not_fixed(template: str, *, signed: bool) -> None:
    assert scheme(template).signs_delivery_id is signed


@pytest.mark.parametrize("time", [f"0{NOW}", f"+{NOW}", f" {NOW} 0", f"{NOW}.0", "١٧٩", "1_790"])
def test_a_time_has_one_spelling(time: str) -> None:
    content = f"m1.{time}.{{}}".encode("latin-1", "replace")
    with pytest.raises(SignatureError):
        verify(
            scheme("{header:x-id}.{timestamp}.{body}"),
            **request(content, id_="m1", time=time, body=b"{}"),
        )
