"""Secrets as people paste them: what is wrong with their form is said, the secret never."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from receiver.signatures import PRESETS, scheme_of, sign, verify
from receiver.signatures.secret_forms import form_problem
from tests.support.requests import secret_of

WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"id":1}'
HMAC = {
    "scheme": "hmac",
    "header": "X-Signature",
    "algorithm": "sha256",
    "encoding": "hex",
    "signed_content": "{body}",
}
PEM = secret_of("sendgrid")
PUBLIC = (
    serialization.load_pem_private_key(PEM.encode(), password=None)
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
ANOTHER_KIND = (
    ec.generate_private_key(ec.SECP384R1())
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


def judged(verify_block: str | dict[str, Any], secret: str) -> tuple[str, str] | None:
    block = {"scheme": verify_block} if isinstance(verify_block, str) else verify_block
    found = form_problem(scheme_of(block), secret, name="A_SECRET")
    if found is None:
        return None
    for part in (secret.strip(), secret.strip("'\" \n")):
        assert len(part) < 9 or part not in found.summary + found.remedy
    return found.summary, found.remedy


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_what_each_vendor_shows_is_right(name: str) -> None:
    assert form_problem(PRESETS[name], secret_of(name), name="A_SECRET") is None


@pytest.mark.parametrize(
    ("block", "secret", "expected", "remedy"),
    [
        pytest.param("github", " ", "is blank", "put the secret", id="blank"),
        pytest.param("github", "a secret\n", "line break at an end", "take it", id="line-break"),
        pytest.param("github", "\ta secret", "blank or", "take it", id="blank-before"),
        pytest.param("github", '"a secret"', "in quotes", "take the quotes", id="quotes"),
        pytest.param("github", "\u201ca secret\u201d", "in quotes", "take", id="curly-quotes"),
        pytest.param("github", "A_SECRET=a secret", "repeats `A_SECRET=`", "leave", id="name"),
        pytest.param("github", PUBLIC, "a key in PEM, where a shared", "copy", id="pem"),
        pytest.param("monday", PUBLIC, "a key in PEM", "copy", id="pem-for-a-jwt"),
        pytest.param("github", "a\u200bsecret", "invisible", "plain text", id="zero-width"),
        pytest.param("github", "\ufeffa secret", "invisible", "plain text", id="bom"),
        pytest.param("zendesk", f"v1,{WHSEC}", "v1,whsec_…", "standard-webhooks", id="v1-as-text"),
        pytest.param(
            "standard-webhooks", "whsec_plain text!", "is not base64", "utf8", id="whsec-is-text"
        ),
        pytest.param("svix", "hello world", "is not base64 behind", "utf8", id="no-whsec"),
        pytest.param("close", "xyz", "is not hexadecimal", "copy it again", id="not-hex"),
        pytest.param("airtable", "a-b", "is not base64", "copy it again", id="not-base64"),
        pytest.param({**HMAC, "key_encoding": "hex"}, "0xaf", "hexadecimal", "utf8", id="knob"),
        pytest.param("pipedrive", "password", "user:password", "copy", id="basic"),
        pytest.param({"scheme": "path-token"}, "short", "16 characters", "copy", id="path-token"),
        pytest.param("sendgrid", "a secret", "no public key in PEM", "public key", id="no-pem"),
        pytest.param("sendgrid", ANOTHER_KIND, "of the kind", "copy", id="other-curve"),
        pytest.param(
            "sendgrid", PUBLIC.replace("\n", "\\n"), "\\n in the place", "line breaks", id="\\n"
        ),
        pytest.param(
            {"scheme": "token", "header": "Authorization", "prefix": "Bearer "},
            "Bearer abcdef", "begins with `Bearer `", "leave", id="prefix-twice",
        ),
    ],
)  # fmt: skip
def test_a_secret_of_another_form_is_named_with_what_to_do(
    block: Any, secret: str, expected: str, remedy: str
) -> None:
    found = judged(block, secret)
    assert found is not None
    assert expected in found[0]
    assert remedy in found[1]


@pytest.mark.parametrize(
    ("block", "secret"),
    [
        ("stripe", WHSEC),
        ({**HMAC, "key_encoding": "utf8"}, WHSEC),
        ("standard-webhooks", WHSEC.removeprefix("whsec_")),
        ("sendgrid", f"\n{PUBLIC}\n"),
        ("pipedrive", "user:pass word:colon"),
        ("github", 'a secret\'s "text"'),
    ],
)
def test_what_is_unusual_and_right_is_not_named(block: Any, secret: str) -> None:
    assert judged(block, secret) is None


@pytest.mark.parametrize("name", ["standard-webhooks", "svix", "gitlab-signing-token"])
def test_a_secret_as_a_vendor_shows_it_with_its_version_in_front_is_taken(name: str) -> None:
    """Supabase shows `v1,whsec_…`; no base64 holds a comma, so nothing else can be meant."""
    shown = f"v1,{WHSEC}"
    assert judged(name, shown) is None
    request: dict[str, Any] = {"method": "POST", "url": "", "body": BODY}
    now = time.time()
    headers = sign(name, secret=WHSEC, headers={}, now=now, **request)
    assert verify(name, secrets=[shown], headers=headers, now=now, **request).secret_index == 0


def test_the_scheme_that_is_spelled_out_in_the_advice_works() -> None:
    """A vendor that signs with the text of its whsec_ secret: the advice can be followed."""
    secret = "whsec_plain text!"
    found = judged("standard-webhooks", secret)
    assert found is not None
    block = yaml.safe_load(found[1].partition("spell the scheme out: ")[2])
    scheme = scheme_of(block)
    request: dict[str, Any] = {"method": "POST", "url": "", "body": BODY}
    headers = sign(scheme, secret=secret, headers={}, now=0, **request)
    assert {"webhook-id", "webhook-signature"} <= set(headers)
    assert verify(scheme, secrets=[secret], headers=headers, now=0, **request).secret_index == 0
    assert scheme.signs_delivery_id
