"""What is refused, with which cause, in which order; and what survives a rotation of secrets."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from receiver.signatures import CAUSES, SignatureError, Verified, scheme_of, sign, verify
from receiver.signatures.custom.forms import url_with_and_without_port

NOW = 1_790_000_000.0
BODY = '{"ticket": "Zoë"}'.encode()
#: Presets that are alike in kind; what holds for every one is in test_presets.py.
PLAIN = ("github", "hubspot-v3", "standard-webhooks", "zendesk")
SECRETS = dict.fromkeys(PLAIN, "dGhpcyBpcyBhIHNlY3JldCBmb3IgdGVzdHM=")
TIMED = ["standard-webhooks", "hubspot-v3", "zendesk"]

STRIPE_LIKE = {
    "scheme": "hmac",
    "header": "Stripe-Signature",
    "algorithm": "sha256",
    "encoding": "hex",
    "prefix": "v1=",
    "separator": ",",
    "signed_content": "{timestamp}.{body}",
    "timestamp_element": "t",
    "timestamp_unit": "seconds",
}


def signed(scheme: Any, *, secret: str = "", now: float = NOW, **changes: Any) -> dict[str, Any]:
    """The arguments of `verify` for a request that the vendor signed."""
    request: dict[str, Any] = {
        "method": "POST",
        "url": "https://hooks.example.com/webhooks/x?a=%3A",
        "headers": {"Content-Type": "application/json"},
        "body": BODY,
    } | changes
    secret = secret or SECRETS["github"]
    headers = sign(scheme, secret=secret, now=now, **request)
    return request | {
        "headers": request["headers"] | headers,
        "secrets": [secret],
        "now": NOW,
    }


def cause(scheme: Any, request: dict[str, Any]) -> str:
    with pytest.raises(SignatureError) as caught:
        verify(scheme, **request)
    assert caught.value.cause in CAUSES
    assert str(caught.value).startswith(caught.value.cause)
    return caught.value.cause


@pytest.mark.parametrize("scheme", PLAIN)
def test_what_is_signed_is_verified(scheme: str) -> None:
    request = signed(scheme)
    verified = verify(scheme, **request)
    assert verified.secret_index == 0
    assert verified.timestamp == (NOW if scheme in TIMED else None)
    assert (verified.delivery_id is None) == (scheme == "hubspot-v3")
    assert verified.delivery_id_signed == (scheme == "standard-webhooks")


@pytest.mark.parametrize("scheme", PLAIN)
def test_header_names_match_without_regard_to_case(scheme: str) -> None:
    request = signed(scheme)
    for change in (str.upper, str.lower, str.title):
        headers = {change(name): value for name, value in request["headers"].items()}
        assert verify(scheme, **(request | {"headers": headers})).signed_sha256


def test_the_signed_bytes_are_named_by_their_hash() -> None:
    request = signed("zendesk")
    content = request["headers"]["X-Zendesk-Webhook-Signature-Timestamp"].encode() + BODY
    assert verify("zendesk", **request).signed_sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("scheme", TIMED)
@pytest.mark.parametrize(
    ("age_seconds", "expected"),
    [(300, None), (301, "stale-timestamp"), (-300, None), (-301, "future-timestamp")],
)
def test_the_window_is_the_same_in_both_directions(
    scheme: str, age_seconds: int, expected: str | None
) -> None:
    request = signed(scheme, now=NOW - age_seconds)
    if expected is None:
        assert verify(scheme, **request).signed_sha256
    else:
        assert cause(scheme, request) == expected


def test_a_mapping_may_narrow_the_window() -> None:
    narrow = scheme_of({"scheme": "zendesk", "tolerance_seconds": 10})
    assert verify(narrow, **signed("zendesk", now=NOW - 10)).signed_sha256
    assert cause(narrow, signed("zendesk", now=NOW - 11)) == "stale-timestamp"


def test_a_stale_time_with_a_wrong_signature_is_a_wrong_signature() -> None:
    request = signed("zendesk", now=NOW - 9999)
    assert cause("zendesk", request | {"body": b"{}"}) == "wrong-signature"


@pytest.mark.parametrize("scheme", PLAIN)
@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ([], "no-secret"),
        ([""], "no-secret"),
        (["", " \n"], "no-secret"),
        (["another secret, not ours"], None),
        (["\ud800"], "malformed-secret"),
    ],
    ids=["none", "empty", "blank", "another", "lone-surrogate"],
)
def test_without_the_right_secret_nothing_passes(
    scheme: str, secrets: list[str], expected: str | None
) -> None:
    expected = expected or (
        "malformed-secret" if scheme == "standard-webhooks" else "wrong-signature"
    )
    assert cause(scheme, signed(scheme) | {"secrets": secrets}) == expected


@pytest.mark.parametrize(
    ("key_encoding", "malformed"),
    [
        ("base64", "not base64!"),
        ("base64", "YQ==\n"),
        ("base64", "===="),
        ("base64", "YWJj-_"),
        ("base64", "YWJjZB=="),
        ("hex", "abc"),
        ("hex", "abCD"),
        ("hex", "zz"),
        ("hex", "é"),
        ("whsec", "whsec_"),
        ("whsec", "whsec_%%%%"),
        ("whsec", "whpk_YWJj"),
    ],
)
def test_a_malformed_secret_fails_closed_and_leaves_a_good_one_in_use(
    key_encoding: str, malformed: str
) -> None:
    scheme = scheme_of({**STRIPE_LIKE, "key_encoding": key_encoding})
    good = "abcdef0123456789"
    request = signed(scheme, secret=good)
    assert cause(scheme, request | {"secrets": [malformed]}) == "malformed-secret"
    assert verify(scheme, **(request | {"secrets": [malformed, "", good]})).secret_index == 2


def test_the_prefix_of_a_standard_webhooks_secret_is_optional() -> None:
    bare = SECRETS["standard-webhooks"]
    for signing in (bare, f"whsec_{bare}"):
        for checking in (bare, f"whsec_{bare}", bare.rstrip("=")):
            request = signed("standard-webhooks", secret=signing)
            assert verify("standard-webhooks", **(request | {"secrets": [checking]})).signed_sha256


def test_a_secret_that_looks_like_base64_is_text_where_the_vendor_takes_it_as_text() -> None:
    stripe = scheme_of(STRIPE_LIKE)
    request = signed(stripe, secret="whsec_YWJj")
    assert verify(stripe, **request).signed_sha256
    assert cause(stripe, request | {"secrets": ["YWJj"]}) == "wrong-signature"


def test_any_of_several_secrets_verifies_and_is_named() -> None:
    request = signed("github")
    [right] = request["secrets"]
    assert verify("github", **(request | {"secrets": ["old", "", right]})).secret_index == 2


@pytest.mark.parametrize(
    ("scheme", "header"),
    [(name, header) for name in PLAIN for header in signed(name)["headers"]],
)
@pytest.mark.parametrize("value", [None, "", "  "], ids=["missing", "empty", "blank"])
def test_what_the_signature_needs_must_be_there(
    scheme: str, header: str, value: str | None
) -> None:
    request = signed(scheme)
    headers = {name: text for name, text in request["headers"].items() if name != header}
    if value is not None:
        headers[header] = value
    changed = request | {"headers": headers}
    if "signature-timestamp" in header.lower() or header.endswith("imestamp"):
        assert cause(scheme, changed) == "missing-timestamp"
    elif "ignature" in header:
        assert cause(scheme, changed) == "missing-signature"
    elif header == "webhook-id":
        assert cause(scheme, changed) == "missing-header"
    else:
        verified = verify(scheme, **changed)
        assert verified.delivery_id is None or header == "Content-Type"


@pytest.mark.parametrize(
    "value",
    [
        "soon",
        "-1",
        "1e9",
        "179000000é",
        "١٧٩٠٠٠٠٠٠٠",
        "9" * 400,
        "1790000000, 1790000000",
        "2026-09-21T14:13:18",
        "2026-13-41T25:61:61Z",
        "NaN",
        "\x00",
        "💸",
    ],
)
@pytest.mark.parametrize("scheme", TIMED)
def test_a_time_that_cannot_be_read_is_refused(scheme: str, value: str) -> None:
    request = signed(scheme)
    [name] = [name for name in request["headers"] if name.lower().endswith("timestamp")]
    headers = request["headers"] | {name: value}
    assert cause(scheme, request | {"headers": headers}) == "malformed-timestamp"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("sha256=", "wrong-signature"),
        ("sha1=c03cbc6b00c6d622b028b7e0a857bbecc498262c", "malformed-signature"),
        ("0" * 64, "malformed-signature"),
        ("sha256=" + "0" * 64, "wrong-signature"),
        ("sha256=" + "é" * 64, "wrong-signature"),
        ("sha256=\ud800", "wrong-signature"),
        ("sha256=" + "0" * 100_000, "malformed-signature"),
    ],
)
def test_an_odd_signature_is_refused(value: str, expected: str) -> None:
    request = signed("github")
    assert cause("github", request | {"headers": {"X-Hub-Signature-256": value}}) == expected


def test_a_weaker_signature_that_rides_along_is_never_taken() -> None:
    sha1 = scheme_of(
        {
            "scheme": "hmac",
            "header": "X-Hub-Signature",
            "prefix": "sha1=",
            "algorithm": "sha1",
            "encoding": "hex",
            "signed_content": "{body}",
        }
    )
    assert cause("github", signed(sha1)) == "missing-signature"


def test_one_of_several_signatures_is_enough() -> None:
    stripe = scheme_of(STRIPE_LIKE)
    request = signed(stripe)
    right = request["headers"]["Stripe-Signature"]
    rolled = right.replace("v1=", f"v0={'1' * 64}, v1={'0' * 64},v1=")
    assert verify(stripe, **(request | {"headers": {"Stripe-Signature": rolled}})).signed_sha256


@pytest.mark.parametrize("extra", [40, 5000])
def test_the_number_of_signatures_is_bounded(extra: int) -> None:
    stripe = scheme_of(STRIPE_LIKE)
    request = signed(stripe)
    value = request["headers"]["Stripe-Signature"] + ",v1=0" * extra
    changed = request | {"headers": {"Stripe-Signature": value}}
    assert cause(stripe, changed) == "malformed-signature"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("v1=00", "missing-timestamp"),
        ("t=,v1=00", "missing-timestamp"),
        ("t=1790000000,t=1790000000,v1=00", "malformed-timestamp"),
        ("t=1790000000", "malformed-signature"),
        ("t=1790000000,v1=00", "wrong-signature"),
    ],
)
def test_a_time_in_the_signature_header_stands_there_once(value: str, expected: str) -> None:
    stripe = scheme_of(STRIPE_LIKE)
    request = signed(stripe) | {"headers": {"Stripe-Signature": value}}
    assert cause(stripe, request) == expected


def test_names_that_differ_in_case_only_are_one_repeated_header() -> None:
    request = signed("github")
    headers = request["headers"] | {"x-hub-signature-256": "sha256=" + "0" * 64}
    assert cause("github", request | {"headers": headers}) == "wrong-signature"


def test_hubspots_twelve_escapes_are_decoded_before_signing_and_no_others() -> None:
    plain = "https://x.example/h:/?@!$'()*,;%2B%25%3a"
    escaped = "https://x.example/h%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B%2B%25%3a"
    request = signed("hubspot-v3", url=plain)
    assert verify("hubspot-v3", **(request | {"url": escaped})).signed_sha256
    assert cause("hubspot-v3", request | {"url": plain.replace("%3a", ":")}) == "wrong-signature"


@pytest.mark.parametrize("text", ["\ud800", "€"])
def test_text_that_is_not_of_http_is_refused_wherever_it_stands(text: str) -> None:
    request = signed("hubspot-v3")
    assert cause("hubspot-v3", request | {"url": text}) == "malformed-url"
    assert cause("hubspot-v3", request | {"method": text}) == "malformed-header"
    request = signed("standard-webhooks")
    headers = request["headers"] | {"webhook-id": text}
    assert cause("standard-webhooks", request | {"headers": headers}) == "malformed-header"


def test_an_unknown_scheme_verifies_nothing() -> None:
    assert cause("nothing", signed("github")) == "unknown-scheme"


def test_an_iso_time_may_carry_fractions_and_an_offset() -> None:
    for text in ("2026-09-21T14:13:20.547103775Z", "2026-09-21T16:13:20+02:00"):
        scheme = scheme_of(
            {
                **STRIPE_LIKE,
                "signed_content": "{header:x-time}{timestamp}{body}",
                "timestamp_unit": "iso8601",
            }
        )
        request = signed(scheme, headers={"x-time": "1"})
        value = request["headers"]["Stripe-Signature"]
        changed = {"x-time": "1", "Stripe-Signature": f"t={text},{value.split(',')[1]}"}
        # Read, or it would be malformed-timestamp; then found not to be what was signed.
        assert cause(scheme, request | {"headers": changed}) == "wrong-signature"


def test_either_unit_is_told_apart_by_magnitude() -> None:
    for unit in ("seconds", "milliseconds"):
        writing = scheme_of({**STRIPE_LIKE, "timestamp_unit": unit})
        reading = scheme_of({**STRIPE_LIKE, "timestamp_unit": "seconds-or-milliseconds"})
        assert verify(reading, **signed(writing)).timestamp == NOW


def test_no_secret_and_no_value_of_the_request_is_in_the_error() -> None:
    request = signed("github") | {"secrets": ["not-to-be-shown"]}
    request["headers"]["X-Hub-Signature-256"] = "sha256=injected\nline"
    with pytest.raises(SignatureError) as caught:
        verify("github", **request)
    said = f"{caught.value!r} {caught.value}"
    assert "not-to-be-shown" not in said
    assert "injected" not in said


def test_a_verified_record_is_frozen() -> None:
    verified = verify("github", **signed("github"))
    with pytest.raises(AttributeError):
        verified.delivery_id = "other"  # type: ignore[misc]  # the claim of this test
    assert isinstance(verified, Verified)


def test_port_0_is_a_port_and_not_the_default_one() -> None:
    assert url_with_and_without_port("https://h.example:0/x") == (
        "https://h.example:0/x",
        "https://h.example/x",
    )
