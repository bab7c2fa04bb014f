"""A secret in a URL verifies in every spelling that vendors and proxies give it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from receiver.signatures import SignatureError, scheme_of, signed_request, tokens, verify

PATH_TOKEN = scheme_of({"scheme": "path-token"})
SECRETS = [
    "an-unguessable-part",
    "b64/with+slash/and==",
    "per%cent-and%41-escapes",
    "quest?ion=mark&and=more",
    "ünïcode-schlüssel-北京",
    "a space and a semi;colon",
    "ends/in/a/slash-as-well/",
    "//doubled//slashes//here",
    "with/webhooks/inside-it",
]


def verifies(url: str, secret: str) -> bool:
    request: dict[str, Any] = {"method": "POST", "headers": {}, "body": b"{}", "now": 0.0}
    try:
        verify(PATH_TOKEN, secrets=["another-secret-here", secret], url=url, **request)
    except SignatureError as error:
        if error.cause not in ("wrong-token", "missing-token"):
            raise
        return False
    return True


def on_the_wire(text: str) -> str:
    """Bytes as the server gives them: Latin-1 text."""
    return text.encode().decode("latin-1")


def spelt(secret: str) -> list[str]:
    encoded = quote(secret, safe="")
    return [
        secret,
        on_the_wire(secret),
        encoded,
        encoded.lower() if encoded.lower() == encoded else encoded.replace("%2F", "%2f"),
        quote(secret, safe="/"),
        quote(encoded, safe=""),
    ]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "base",
    ["https://h.example", "http://h.example:8080/some/where", "https://h.example/webhooks/a"],
)
def test_in_the_path(secret: str, base: str) -> None:
    for text in spelt(secret):
        assert verifies(f"{base}/webhooks/crm/{text}", secret), text
    encoded = quote(secret, safe="")
    assert verifies(f"{base}/webhooks/crm/{encoded}/", secret)
    assert verifies(f"{base}/webhooks/crm//{encoded}", secret)
    assert verifies(f"{base}/webhooks/crm/{encoded}?utm=1", secret)
    assert verifies(f"{base}/webhooks/crm/{encoded}?", secret)
    assert verifies(f"{base}/webhooks/crm%2F{encoded}", secret)


@pytest.mark.parametrize("secret", SECRETS)
def test_in_the_query(secret: str) -> None:
    for text in (*spelt(secret), quote_plus(secret)):
        assert verifies(f"https://h.example/webhooks/crm?token={text}", secret), text
    assert verifies(
        f"https://h.example/webhooks/crm?a=b&token={quote(secret, safe='')}&c=d", secret
    )


@pytest.mark.parametrize("secret", SECRETS)
def test_as_our_own_commands_send_it(secret: str) -> None:
    url = "https://h.example/webhooks/crm?a=%3A"
    sent = signed_request(
        PATH_TOKEN, secret=secret, method="POST", url=url, headers={}, body=b"{}", now=0.0
    )
    assert verifies(sent.url, secret)


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_else_verifies(secret: str) -> None:
    encoded = quote(secret, safe="")
    for tail in (
        "",
        "/",
        f"/{encoded[:-1]}",
        f"/{encoded}x",
        f"/{encoded}/more",
        f"/more/{encoded}",
        f"/{encoded}%00",
        f"?other={encoded}",
        f"?token={encoded}x",
        f"/{encoded}?token=a-guess-of-this-length",
    ):
        assert not verifies(f"https://h.example/webhooks/crm{tail}", secret), tail
    swapped = secret.swapcase()
    assert not verifies(f"https://h.example/webhooks/crm/{quote(swapped, safe='')}", secret)


def test_a_parameter_that_is_given_twice_is_malformed() -> None:
    url = "https://h.example/webhooks/crm?token=an-unguessable-part&token=an-unguessable-part"
    with pytest.raises(SignatureError, match="malformed-body"):
        verifies(url, "an-unguessable-part")


def test_what_is_too_long_for_a_secret_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not even decoded: no one has shown a secret yet."""
    monkeypatch.setattr(tokens, "shown_in", lambda _url, _parameter: pytest.fail("it was read"))
    assert not verifies("https://h.example/webhooks/crm/" + "a" * 40_000, "a" * 40_000)
