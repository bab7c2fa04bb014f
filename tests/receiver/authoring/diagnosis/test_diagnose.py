"""One mistake at a time is made with a rightly signed request, and found."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from receiver.authoring.diagnosis import Captured, Diagnosis, NamedSecret, diagnose
from receiver.signatures import PRESETS, Scheme, SignatureError, scheme_of, sign, signed_request

NOW = 1_790_000_000.0
SECRET = NamedSecret("DESK_SECRET", "correct horse battery staple")
OTHER = NamedSecret("SHOP_SECRET", "the one of the shop", of="shop")
PUBLIC = "https://hooks.example.com"
URL = f"{PUBLIC}/webhooks/desk"
VALUE = {"id": 7, "name": "Zoë", "url": "https://a.example/b"}
BODY = json.dumps(VALUE, separators=(",", ":"), ensure_ascii=False).encode()


def signed(
    scheme: str = "zendesk", *, secret: str = SECRET.value, url: str = URL, body: bytes = BODY
) -> Captured:
    """A request as the vendor sends it."""
    headers = sign(scheme, secret=secret, method="POST", url=url, headers={}, body=body, now=NOW)
    return Captured("POST", url, {name.lower(): value for name, value in headers.items()}, body)


def found(
    request: Captured,
    scheme: str = "zendesk",
    *,
    secrets: tuple[NamedSecret, ...] = (SECRET,),
    now: float = NOW,
) -> Diagnosis:
    return diagnose(
        PRESETS[scheme],
        secrets=secrets,
        others=(OTHER,),
        request=request,
        public_url=PUBLIC,
        source="desk",
        now=now,
    )


def steps(diagnosis: Diagnosis) -> list[str]:
    return [finding.step for finding in diagnosis.findings]


@pytest.mark.parametrize("scheme", ["zendesk", "github", "hubspot-v3"])
def test_what_is_right_is_verified(scheme: str) -> None:
    diagnosis = found(signed(scheme), scheme)
    assert (diagnosis.verified, diagnosis.secret, diagnosis.findings) == (True, "DESK_SECRET", ())


@pytest.mark.parametrize(
    ("sent", "captured", "expected"),
    [
        pytest.param(BODY, BODY + b"\n", "without the line break", id="line-break-added"),
        pytest.param(BODY + b"\n", BODY, "with a line break", id="line-break-stripped"),
        pytest.param(b"a\r\nb", b"a\nb", "with CR LF", id="crlf-lost"),
        pytest.param(b"a\nb", b"a\r\nb", "with LF", id="crlf-made"),
        pytest.param(
            BODY, json.dumps(VALUE, indent=2).encode(), "written as compact JSON", id="indented"
        ),
        pytest.param(
            json.dumps(VALUE).encode(), BODY, "JSON with spaces and \\u escapes", id="compacted"
        ),
        pytest.param(
            json.dumps(VALUE, indent=2, ensure_ascii=False).encode(), BODY, "by 2", id="unindented"
        ),
        pytest.param(
            json.dumps(VALUE, separators=(",", ":")).replace("/", "\\/").encode(),
            BODY,
            "escaped slashes",
            id="slashes",
        ),
        pytest.param(BODY, b"\xef\xbb\xbf" + BODY, "byte order mark", id="bom"),
    ],
)
def test_a_changed_body_is_found(sent: bytes, captured: bytes, expected: str) -> None:
    diagnosis = found(replace(signed(body=sent), body=captured))
    assert not diagnosis.verified
    assert diagnosis.cause == "wrong-signature"
    [finding] = diagnosis.findings
    assert finding.step == "body"
    assert expected in finding.summary
    assert diagnosis.secret == "DESK_SECRET"


@pytest.mark.parametrize(
    ("called", "captured", "headers"),
    [
        pytest.param(URL, URL.replace("https", "http"), {}, id="tls-ends-before"),
        pytest.param(URL.replace("https", "http"), URL, {}, id="http-was-signed"),
        pytest.param(URL + "/", URL, {}, id="slash-lost"),
        pytest.param(URL, URL + "/", {}, id="slash-added"),
        pytest.param(URL, "http://10.0.0.7:8080/webhooks/desk", {}, id="inner-host"),
        pytest.param(
            "https://old.example/webhooks/desk",
            "http://10.0.0.7/webhooks/desk",
            {"x-forwarded-host": "old.example"},
            id="forwarded-host",
        ),
        pytest.param(URL, URL + "?trace=1", {}, id="query-added"),
        pytest.param(URL.replace(".com", ".com:443"), URL, {}, id="port-named"),
        pytest.param(URL, "http://10.0.0.7/inner/path", {}, id="path-rewritten"),
    ],
)
def test_another_url_is_found(called: str, captured: str, headers: dict[str, str]) -> None:
    request = signed("hubspot-v3", url=called)
    request = replace(request, url=captured, headers={**request.headers, **headers})
    diagnosis = found(request, "hubspot-v3")
    assert steps(diagnosis) == ["url"]
    assert called in diagnosis.findings[0].summary or "URL" in diagnosis.findings[0].summary


@pytest.mark.parametrize(
    ("vendors", "ours", "expected"),
    [
        pytest.param(OTHER.value, SECRET.value, "SHOP_SECRET of source shop", id="swapped"),
        pytest.param(SECRET.value, f" {SECRET.value}\t", "without the blanks", id="blanks"),
        pytest.param(SECRET.value, f'"{SECRET.value}"', "without the quotes", id="quotes"),
        pytest.param("c2VjcmV0", "c2VjcmV0\n", "without the blanks", id="line-break"),
        pytest.param("a word", "\u201ca word\u201d", "without the quotes", id="curly-quotes"),
        pytest.param("a word", f"{SECRET.name}=a word", f"without `{SECRET.name}=`", id="name"),
        pytest.param("a word", "a\u200b word", "without the invisible", id="zero-width"),
        pytest.param("whsec_YQ==", "v1,whsec_YQ==", "without `v1,`", id="text-of-whsec"),
        pytest.param("YQ==", "whsec_YQ==", "without `whsec_`", id="text-behind-whsec"),
    ],
)
def test_a_wrong_secret_is_found(vendors: str, ours: str, expected: str) -> None:
    diagnosis = found(signed(secret=vendors), secrets=(replace(SECRET, value=ours),))
    [finding] = diagnosis.findings
    assert finding.step == "secret"
    assert expected in finding.summary


def test_a_secret_that_is_base64_where_text_is_meant_is_found() -> None:
    whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    request = signed("standard-webhooks", secret=whsec)
    block = replace(PRESETS["standard-webhooks"], key_encoding="utf8")  # type: ignore[call-arg] # an HmacScheme
    diagnosis = diagnose(
        block,
        secrets=(replace(SECRET, value=whsec),),
        others=(),
        request=request,
        public_url=PUBLIC,
        source="desk",
        now=NOW,
    )
    [finding] = diagnosis.findings
    assert (finding.step, finding.summary) == (
        "secret",
        "it verifies with the secret read as whsec, not utf8",
    )


def test_an_ended_secret_is_named() -> None:
    old = replace(SECRET, name="OLD", has_ended=True)
    new = replace(SECRET, name="NEW", value="a new one")
    diagnosis = found(signed(), secrets=(old, new))
    assert diagnosis.findings[0].summary == "it is signed with OLD, which its not_after has ended"


@pytest.mark.parametrize(
    ("shift", "cause", "word"),
    [(900, "stale-timestamp", "before"), (-900, "future-timestamp", "after")],
)
def test_a_clock_is_told_from_a_wrong_signature(shift: float, cause: str, word: str) -> None:
    diagnosis = found(signed(), now=NOW + shift)
    assert (diagnosis.cause, steps(diagnosis)) == (cause, ["clock"])
    assert f"900 s {word}" in diagnosis.findings[0].summary
    assert "--at 2026-09-21T14:13:20Z" in diagnosis.findings[0].remediation
    assert diagnosis.secret == "DESK_SECRET"


RETRIED = {
    "of a documented span": (PRESETS["hubspot-v3"], 900, "sends again for 1d: if retries repeat"),
    "of an undocumented one": (PRESETS["zendesk"], 900, "for how long is not documented"),
    "past its span": (PRESETS["hubspot-v3"], 100_000, "too old for a retry of the vendor"),
    "under a tolerance of the mapping": (
        scheme_of({"scheme": "linear", "tolerance_seconds": 60}),
        900,
        "repeats the first time of signing for 7h 1m: remove tolerance_seconds",
    ),
    "past the last of them": (PRESETS["linear"], 40_000, "which sends again for 7h 1m"),
}
NEVER_RETRIED = {
    "signed at its own time": (PRESETS["stripe"], 900),
    "in the future": (PRESETS["hubspot-v3"], -900),
}


def stale(scheme: Scheme, age_seconds: int) -> str:
    """The advice on a request of that age."""
    body = b'{"webhookTimestamp":0}'
    sent = signed_request(
        scheme, secret=SECRET.value, method="POST", url=URL, headers={}, body=body, now=NOW
    )
    diagnosis = diagnose(
        scheme,
        secrets=(SECRET,),
        others=(),
        request=Captured("POST", URL, dict(sent.headers), sent.body),
        public_url=PUBLIC,
        source="desk",
        now=NOW + age_seconds,
    )
    [finding] = diagnosis.findings
    assert finding.step == "clock"
    return finding.remediation


@pytest.mark.parametrize("case", RETRIED.values(), ids=RETRIED)
def test_a_stale_time_may_be_a_retry_of_the_vendor(case: tuple[Scheme, int, str]) -> None:
    scheme, age_seconds, expected = case
    assert expected in stale(scheme, age_seconds)


@pytest.mark.parametrize("case", NEVER_RETRIED.values(), ids=NEVER_RETRIED)
def test_no_retry_is_named_where_none_explains_it(case: tuple[Scheme, int]) -> None:
    assert "retry" not in stale(*case)


@pytest.mark.parametrize(
    ("scheme", "changes", "expected"),
    [
        ("zendesk", {"body": BODY + b"\n", "secret": OTHER.value}, ["secret", "body"]),
        ("hubspot-v3", {"url": URL + "/", "secret": OTHER.value}, ["secret", "url"]),
        ("hubspot-v3", {"url": URL + "/", "body": BODY + b"\n"}, ["url", "body"]),
    ],
)
def test_two_mistakes_at_once_are_found(
    scheme: str, changes: dict[str, Any], expected: list[str]
) -> None:
    request = signed(scheme, secret=changes.pop("secret", SECRET.value))
    diagnosis = found(replace(request, **changes), scheme)
    assert steps(diagnosis) == expected


def test_a_mistake_and_an_old_capture_are_both_named() -> None:
    diagnosis = found(replace(signed(), body=BODY + b"\n"), now=NOW + 7200)
    assert steps(diagnosis) == ["body", "clock"]


def test_another_scheme_is_found() -> None:
    assert found(signed("github"), "github").verified
    request = signed("github")
    headers = {**request.headers, "x-zendesk-webhook-signature": "x"}
    headers["x-zendesk-webhook-signature-timestamp"] = "2026-09-21T14:13:20Z"
    diagnosis = found(replace(request, headers=headers))
    [finding] = diagnosis.findings
    assert finding.step == "scheme"
    assert "github" in finding.summary


def test_what_nothing_explains_is_another_secret() -> None:
    diagnosis = found(signed(secret="unknown"))
    assert (steps(diagnosis), diagnosis.secret) == (["secret"], None)
    assert "no secret here signed it" in diagnosis.findings[0].summary


def test_a_missing_header_is_told_with_those_that_are_there() -> None:
    diagnosis = found(replace(signed(), headers={"host": "x", "user-agent": "y"}))
    assert (diagnosis.cause, steps(diagnosis)) == ("missing-signature", ["request"])
    assert "host, user-agent" in diagnosis.findings[0].remediation


@pytest.mark.parametrize(
    ("method", "scheme", "url", "body", "expected"),
    [
        ("GET", "nylas", f"{URL}?challenge=abc", b"", "the set-up request challenge"),
        ("POST", "slack-events", URL, b"ssl_check=1&token=abc", "the set-up request ssl-check"),
        ("GET", "zendesk", URL, b"", "a GET request, and no set-up request"),
    ],
)
def test_what_no_vendor_signs_is_named(
    method: str, scheme: str, url: str, body: bytes, expected: str
) -> None:
    diagnosis = found(Captured(method, url, {"host": "x"}, body), scheme)
    assert not diagnosis.verified
    [finding] = diagnosis.findings
    assert expected in finding.summary


def test_without_a_secret_that_is_stated() -> None:
    diagnosis = found(signed(), secrets=())
    assert (diagnosis.cause, steps(diagnosis)) == ("no-secret", ["secret"])


def test_no_secret_is_ever_shown() -> None:
    for request in (signed(), signed(secret=OTHER.value), replace(signed(), body=b"x")):
        shown = repr(found(request, secrets=(replace(SECRET, value=f"{SECRET.value}\n"),)))
        assert SECRET.value not in shown
        assert OTHER.value not in shown


@pytest.mark.parametrize("scheme", sorted(PRESETS))
@pytest.mark.parametrize("shift", [0, 7200, 10**8])
def test_every_scheme_can_be_diagnosed(scheme: str, shift: int) -> None:
    """What it signs is verified or only too old; what is unsigned is refused."""
    try:
        request = signed_request(
            scheme,
            secret=SECRET.value,
            method="POST",
            url=URL,
            headers={"content-type": "application/json"},
            body=BODY,
            now=NOW,
        )
    except SignatureError:
        request = None  # it needs a key of another form
    if request is not None:
        whole = Captured(request.method, request.url, dict(request.headers), request.body)
        diagnosis = found(whole, scheme, now=NOW + shift)
        assert diagnosis.verified or steps(diagnosis) == ["clock"]
        assert diagnosis.secret in ("DESK_SECRET", None)
        broken = replace(whole, headers=dict.fromkeys(whole.headers, "x"))
        found(broken, scheme, now=NOW + shift)  # verified still where the signature is in the body
    nothing = Captured("POST", URL, {}, b"\xff")
    assert not found(nothing, scheme, now=NOW + shift).verified


@pytest.mark.parametrize("declared", ["²", "1" * 5000, "-1"])
def test_a_capture_with_an_odd_url_or_length_is_diagnosed_all_the_same(declared: str) -> None:
    right = signed("square")
    headers = right.headers | {"content-length": declared}
    diagnosis = found(replace(right, url="http://[/webhooks/desk", headers=headers), "square")
    assert (diagnosis.cause, steps(diagnosis)) == ("wrong-signature", ["url"])
