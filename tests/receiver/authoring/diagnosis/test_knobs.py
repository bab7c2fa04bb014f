"""A right secret under a wrong knob: the line of `verify:` is named that verifies the request."""

from __future__ import annotations

import base64
import hmac
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from receiver.authoring.diagnosis import Captured, Diagnosis, NamedSecret, diagnose
from receiver.authoring.diagnosis.knob_search import MOST_HMACS
from receiver.signatures import PRESETS, Scheme, scheme_of, sign

NOW = 1_790_000_000.0
STAMP = "1790000000"
SECRET = "correct horse battery staple"
BODY = b'{"id":7}'
URL = "https://hooks.example.com/webhooks/desk"
KEY = bytes(range(32))

PLAIN: dict[str, Any] = {
    "scheme": "hmac",
    "header": "X-Signature",
    "algorithm": "sha256",
    "encoding": "hex",
    "signed_content": "{body}",
}
TIMED: dict[str, Any] = PLAIN | {
    "signed_content": "{timestamp}.{body}",
    "timestamp_header": "X-Timestamp",
    "timestamp_unit": "seconds",
}


def mac(content: bytes = BODY, *, key: bytes = SECRET.encode(), name: str = "sha256") -> bytes:
    return hmac.digest(key, content, name)


def found(
    block: dict[str, Any] | Scheme,
    headers: dict[str, str],
    *,
    secret: str = SECRET,
    url: str = URL,
    body: bytes = BODY,
) -> Diagnosis:
    return diagnose(
        scheme_of(block) if isinstance(block, dict) else block,
        secrets=(NamedSecret("DESK_SECRET", secret),),
        others=(),
        request=Captured("POST", url, {name.lower(): text for name, text in headers.items()}, body),
        public_url="https://hooks.example.com",
        source="desk",
        now=NOW,
    )


def remediations(diagnosis: Diagnosis) -> list[str]:
    return [one.remediation for one in diagnosis.findings if one.step == "verify"]


HEX = mac().hex()
BASE64 = base64.b64encode(mac()).decode()
AT = {"X-Timestamp": STAMP}
TIMED_HEX = mac(f"{STAMP}.".encode() + BODY).hex()


@pytest.mark.parametrize(
    ("block", "headers", "expected"),
    [
        pytest.param(PLAIN, {"X-Signature": f"sha256={HEX}"}, ['verify.prefix: "sha256="'],
                     id="prefix-missing"),
        pytest.param(PLAIN | {"prefix": "sha256="}, {"X-Signature": HEX}, ['verify.prefix: ""'],
                     id="prefix-too-much"),
        pytest.param(PLAIN, {"X-Signature": BASE64}, ["verify.encoding: base64"], id="base64"),
        pytest.param(PLAIN | {"encoding": "base64"}, {"X-Signature": HEX}, ["verify.encoding: hex"],
                     id="hex"),
        pytest.param(PLAIN | {"encoding": "base64"}, {"X-Signature": HEX.upper()},
                     ["verify.encoding: hex"], id="upper-hex"),
        pytest.param(PLAIN, {"X-Signature": mac(name="sha1").hex()}, ["verify.algorithm: sha1"],
                     id="sha1"),
        pytest.param(PLAIN, {"X-Signature": mac(name="sha512").hex()}, ["verify.algorithm: sha512"],
                     id="sha512"),
        pytest.param(PLAIN, {"X-Vendor-Hmac": HEX, "X-Request-Id": "7"},
                     ["verify.header: x-vendor-hmac"], id="another-header"),
        pytest.param(TIMED, {**AT, "X-Signature": HEX},
                     ['verify.signed_content: "{body}"', "remove the line verify.timestamp_header",
                      "remove the line verify.timestamp_unit"], id="body-alone"),
        pytest.param(TIMED, {**AT, "X-Signature": mac(f"{STAMP}:".encode() + BODY).hex()},
                     ['verify.signed_content: "{timestamp}:{body}"'], id="colon"),
        pytest.param(TIMED, {**AT, "X-Signature": mac(STAMP.encode() + BODY).hex()},
                     ['verify.signed_content: "{timestamp}{body}"'], id="nothing-between"),
        pytest.param(PLAIN, {**AT, "X-Signature": TIMED_HEX},
                     ['verify.signed_content: "{timestamp}.{body}"',
                      "verify.timestamp_header: x-timestamp", "verify.timestamp_unit: seconds"],
                     id="time-not-configured"),
        pytest.param(TIMED,
                     {"X-Timestamp": f"{STAMP}000",
                      "X-Signature": mac(f"{STAMP}000.".encode() + BODY).hex()},
                     ["verify.timestamp_unit: milliseconds"], id="milliseconds"),
        pytest.param(TIMED | {"timestamp_unit": "milliseconds"}, {**AT, "X-Signature": TIMED_HEX},
                     ["verify.timestamp_unit: seconds"], id="seconds"),
        pytest.param(TIMED, {"X-Sent-At": STAMP, "X-Signature": TIMED_HEX},
                     ["verify.timestamp_header: x-sent-at"], id="another-time-header"),
        pytest.param(PLAIN, {"X-Signature": mac(URL.encode() + BODY).hex()},
                     ['verify.signed_content: "{url}{body}"'], id="url"),
        pytest.param(PLAIN | {"encoding": "base64"}, {"X-Signature": f"sha256={HEX}"},
                     ['verify.prefix: "sha256="', "verify.encoding: hex"], id="two-knobs"),
        pytest.param(
            TIMED | {"prefix": "v1=", "separator": ",", "timestamp_element": "t"}
            | {"timestamp_header": None},
            {"X-Signature": f"t={STAMP};v1={TIMED_HEX}"}, ['verify.separator: ";"'],
            id="separator"),
    ],
)  # fmt: skip
def test_the_line_to_change_is_named(
    block: dict[str, Any], headers: dict[str, str], expected: list[str]
) -> None:
    configured = {name: value for name, value in block.items() if value is not None}
    diagnosis = found(configured, headers)
    assert not diagnosis.verified
    assert sorted(remediations(diagnosis)) == sorted(expected)
    assert diagnosis.secret == "DESK_SECRET"
    assert SECRET not in repr(diagnosis)
    fixed = configured | {
        line.partition(": ")[0].removeprefix("verify."): yaml.safe_load(line.partition(": ")[2])
        for line in remediations(diagnosis)
        if line.startswith("verify.")
    }
    for line in remediations(diagnosis):
        fixed.pop(line.removeprefix("remove the line verify."), None)
    assert found(fixed, headers).verified, fixed


@pytest.mark.parametrize(
    ("secret", "encoding"),
    [
        (KEY.hex(), "hex"),
        (base64.b64encode(KEY).decode(), "base64"),
        ("whsec_" + base64.b64encode(KEY).decode(), "whsec"),
    ],
)
def test_how_the_key_is_read_is_named(secret: str, encoding: str) -> None:
    headers = {"X-Signature": mac(key=KEY).hex()}
    assert remediations(found(PLAIN, headers, secret=secret)) == [
        f"verify.key_encoding: {encoding}"
    ]
    as_text = {"X-Signature": mac(key=secret.encode()).hex()}
    wrong = PLAIN | {"key_encoding": encoding}
    assert remediations(found(wrong, as_text, secret=secret)) == ["verify.key_encoding: utf8"]


def test_a_vendor_that_signs_with_the_text_of_whsec_gets_the_whole_block() -> None:
    """The advice can be followed: every knob of Standard Webhooks is spelled out."""
    secret = "whsec_" + base64.b64encode(KEY).decode()
    content = b"msg_1." + STAMP.encode() + b"." + BODY
    signature = base64.b64encode(mac(content, key=secret.encode())).decode()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": STAMP,
        "webhook-signature": f"v1,{signature}",
    }
    [finding] = found(PRESETS["standard-webhooks"], headers, secret=secret).findings
    assert "read as utf8, not whsec" in finding.summary
    block = yaml.safe_load(finding.remediation.partition("verify: ")[2].partition(", with")[0])
    assert found(block, headers, secret=secret).verified


@pytest.mark.parametrize(
    ("block", "headers", "query", "expected"),
    [
        pytest.param({"scheme": "token", "header": "X-Token"}, {"X-Other": SECRET}, "",
                     ["verify.header: x-other"], id="header"),
        pytest.param({"scheme": "token", "header": "Authorization"},
                     {"Authorization": f"Bearer {SECRET}"}, "", ['verify.prefix: "Bearer "'],
                     id="prefix"),
        pytest.param({"scheme": "token"}, {}, "?key=correct%20horse%20battery%20staple",
                     ["verify: {scheme: path-token, parameter: key}, with `secrets`"],
                     id="in-the-url"),
        pytest.param({"scheme": "path-token"}, {}, "?key=correct%20horse%20battery%20staple",
                     ["verify.parameter: key"], id="parameter"),
        pytest.param(PLAIN, {"X-Signature": SECRET}, "",
                     ['verify: {scheme: token, header: x-signature, prefix: ""}, with `secrets`'],
                     id="unsigned"),
    ],
)  # fmt: skip
def test_where_the_secret_itself_is_shown_is_named(
    block: dict[str, Any], headers: dict[str, str], query: str, expected: list[str]
) -> None:
    diagnosis = found(block, headers, url=URL + query)
    assert not diagnosis.verified
    assert remediations(diagnosis) == expected
    assert diagnosis.secret == "DESK_SECRET"
    for line in expected:
        if line.startswith("verify: "):  # the block alone, without a line of the other scheme
            written = yaml.safe_load(line.partition("verify: ")[2].partition(", with")[0])
            assert found(written, headers, url=URL + query).verified


def test_a_secret_in_the_path_is_found_in_every_spelling() -> None:
    secret = "an/unguessable+part?of=it"
    for part in (secret, quote(secret, safe=""), quote(quote(secret, safe=""), safe="")):
        diagnosis = found(PLAIN, {}, url=f"{URL}/{part}", secret=secret)
        assert remediations(diagnosis) == ["verify: {scheme: path-token}, with `secrets`"], part


def test_a_token_that_stands_behind_basic_is_named() -> None:
    secret = "user:the password"
    shown = base64.b64encode(secret.encode()).decode()
    diagnosis = found({"scheme": "token"}, {"Authorization": f"Basic {shown}"}, secret=secret)
    assert remediations(diagnosis) == ["verify: {scheme: basic}, with `secrets`"]
    other = base64.b64encode(b"user:other").decode()
    [finding] = found(
        {"scheme": "basic"}, {"Authorization": f"Basic {other}"}, secret=secret
    ).findings
    assert finding.summary == "the user is right, the password is another one"


def test_a_signature_where_a_token_is_configured_gets_a_block_that_works() -> None:
    headers = {"X-Hub-Signature-256": f"sha256={HEX}"}
    [line] = remediations(found({"scheme": "token"}, headers))
    block = yaml.safe_load(line.partition("verify: ")[2].partition(", with")[0])
    assert found(block, headers).verified


def test_a_wrong_knob_and_a_badly_copied_secret_are_both_found() -> None:
    diagnosis = found(PLAIN, {"X-Signature": f"sha256={HEX}"}, secret=f"{SECRET}\n")
    assert [one.step for one in diagnosis.findings] == ["secret", "verify"]
    assert remediations(diagnosis) == ['verify.prefix: "sha256="']


@pytest.mark.parametrize(
    ("signed", "url", "body", "step"),
    [
        (BODY, URL, BODY + b"\n", "body"),
        (URL.encode() + BODY, URL.replace("https:", "http:"), BODY, "url"),
    ],
)
def test_a_wrong_knob_and_a_changed_body_or_url_are_both_found(
    signed: bytes, url: str, body: bytes, step: str
) -> None:
    headers = {"X-Signature": f"sha256={mac(signed).hex()}"}
    diagnosis = found(PLAIN, headers, url=url, body=body)
    assert {one.step for one in diagnosis.findings} == {step, "verify"}
    assert 'verify.prefix: "sha256="' in remediations(diagnosis)


def test_with_another_secret_no_knob_is_blamed() -> None:
    """And the search ends: what it may cost is counted, not timed."""
    headers = {f"x-{n}": mac(b"%d" % n).hex() for n in range(64)} | AT
    diagnosis = found(TIMED, headers | {"X-Signature": HEX}, secret="another", body=b"x" * 100_000)
    assert remediations(diagnosis) == []
    assert MOST_HMACS <= 20_000


def test_hostile_headers_are_looked_at_and_nothing_else() -> None:
    for value in ("=" * 4000, "a" * 4000, "," * 4000, "t=" * 2000, "\xff" * 64, "sha256=" * 500):
        assert not found(TIMED, {"X-Signature": value, **AT}).verified


def test_every_signed_preset_is_found_from_the_plainest_block() -> None:
    """What a vendor signs with knobs is found out from a block that has most of them wrong."""
    missed: list[str] = []
    for name, scheme in PRESETS.items():
        if type(scheme).__name__ != "HmacScheme" or scheme.formula().url_transform:
            continue
        encoded = base64.b64encode(KEY).decode()
        secrets = {"hex": KEY.hex(), "base64": encoded, "whsec": f"whsec_{encoded}"}
        secret = secrets.get(scheme.formula().key, SECRET)
        request: dict[str, Any] = {"method": "POST", "url": URL, "headers": {}, "body": BODY}
        headers = sign(scheme, secret=secret, now=NOW, delivery_id="id-1", **request)
        diagnosis = found(PLAIN | {"header": "X-Nothing"}, headers, secret=secret)
        if not remediations(diagnosis) and not diagnosis.verified:
            missed.append(name)
    assert missed == []
