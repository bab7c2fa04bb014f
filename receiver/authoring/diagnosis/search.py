"""Finding out why a request is refused: first as it is, then with one mistake undone, then two.

Owns the order of the search and its answer. Names secrets and never shows one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain

from receiver.authoring.diagnosis.captured import Captured
from receiver.authoring.diagnosis.finding import Diagnosis, Finding, NamedSecret
from receiver.authoring.diagnosis.knob_findings import nearly_right, verified_by_knobs
from receiver.authoring.diagnosis.mistakes import Variant, bodies, spellings, urls
from receiver.authoring.diagnosis.retries import retry_cause
from receiver.signatures import (
    PRESETS,
    HmacScheme,
    Request,
    Scheme,
    SignatureError,
    Verified,
)
from receiver.signatures.knob_lines import as_hmac_block
from receiver.signatures.rules import GENERIC
from receiver.signatures.secret_forms import form_problem

#: With a window this wide the time of signing never refuses.
_ANY_TIME_SECONDS = 10**9
_CLOCK = frozenset({"stale-timestamp", "future-timestamp"})
#: What no other secret, URL or body would fix.
_HOPELESS = frozenset({"missing-signature", "missing-token", "missing-timestamp", "missing-header"})
#: The part of the bounds of a search for knobs that each changed body and URL has.
_SHARE = 16
_KEY_ENCODINGS = ("utf8", "base64", "hex", "whsec")


@dataclass(frozen=True, slots=True)
class _Try:
    """A request to try, the scheme and secrets to try it with, and the mistakes undone in it."""

    request: Captured
    scheme: Scheme
    secrets: tuple[NamedSecret, ...]
    findings: tuple[Finding, ...] = ()


def diagnose(
    scheme: Scheme,
    *,
    secrets: Sequence[NamedSecret],
    others: Sequence[NamedSecret],
    request: Captured,
    public_url: str,
    source: str,
    now: float,
) -> Diagnosis:
    """Say whether the request is verified as of `now` (seconds since 1970), and if not, why not.

    `secrets` are those of the source that are set, ended ones included; `others` those of all
    other sources. `public_url` is what vendors call, up to before `/webhooks/…`.
    """
    accepted = tuple(one for one in secrets if not one.has_ended)
    first = _Try(request, scheme, accepted)
    try:
        verified = _verify(first, scheme, now)
    except SignatureError as refused:
        own_urls = urls(request.url, request.headers, public_url=public_url, source=source)
        return _explain(first, refused, secrets, others, own_urls, now)
    return _answer(first, verified, refused=None)


def _explain(
    first: _Try,
    refused: SignatureError,
    secrets: Sequence[NamedSecret],
    others: Sequence[NamedSecret],
    own_urls: Iterable[Variant[str]],
    now: float,
) -> Diagnosis:
    by_knobs = _by_knobs(first, refused, now) if first.scheme.name in GENERIC else None
    if by_knobs is not None:
        return by_knobs
    if refused.cause in _HOPELESS:
        return _answer(first, None, refused, (_without_signature(first, refused),))
    by_secret = list(_with_secrets(first, secrets, others))
    by_url = list(_with_urls(first, own_urls))
    by_body = list(_with_bodies(first))
    pairs = chain(
        (both for url in by_url for both in _with_bodies(url)),
        (_both(secret, url) for secret in by_secret for url in by_url),
        (_both(secret, body) for secret in by_secret for body in by_body),
    )
    tries = chain([first], by_secret, by_url, by_body, _as_other_schemes(first, now), pairs)
    judged = (_judged(first, one, refused, now) for one in tries)
    by_share = ((1, (first, *by_secret)), (_SHARE, (*by_body, *by_url)))
    with_knobs = (
        _by_knobs(one, refused, now, share=share) for share, group in by_share for one in group
    )
    found = next(filter(None, chain(judged, with_knobs)), None)
    return found or _answer(first, None, refused, tuple(_unexplained(first)))


def _judged(first: _Try, one: _Try, refused: SignatureError, now: float) -> Diagnosis | None:
    """The diagnosis where this try verifies the request, save for its time."""
    try:
        verified = _verify(one, _timeless(one.scheme), now)
    except SignatureError as error:
        if error.cause not in _CLOCK:
            return None
        # Some carry an end of their own beside the window, as JWTs do.
        finding = Finding("clock", error.detail, "--at checks it as of when it was sent")
        return _answer(one, None, refused, (*one.findings, finding))
    return _answer(one, verified, refused, (*one.findings, *_clock(first.scheme, verified, now)))


def _by_knobs(
    one: _Try, refused: SignatureError, now: float, *, share: int = 1
) -> Diagnosis | None:
    """The diagnosis where other lines of `verify:` verify the request."""
    secrets = [secret.value for secret in one.secrets]
    by_knobs = verified_by_knobs(one.scheme, _request(one), secrets, share=share)
    if by_knobs is None or not by_knobs.findings:
        return None
    signer = one.secrets[by_knobs.secret_index]
    fixed = replace(one, scheme=by_knobs.scheme, secrets=(signer,))
    findings = (*one.findings, *by_knobs.findings)
    try:
        verified = _verify(fixed, _timeless(by_knobs.scheme), now)
    except SignatureError:
        answer = _answer(one, None, refused, findings)
        return replace(answer, secret=signer.described)
    return _answer(fixed, verified, refused, (*findings, *_clock(one.scheme, verified, now)))


def _unexplained(first: _Try) -> Iterator[Finding]:
    """What can be said where nothing that was tried verifies the request."""
    half = nearly_right(first.scheme, _request(first), [one.value for one in first.secrets])
    forms = [(one, form_problem(first.scheme, one.value, name=one.name)) for one in first.secrets]
    yield from (
        Finding("secret", f"{one.described} {problem.summary}", problem.remedy)
        for one, problem in forms
        if problem is not None
    )
    yield half or _unknown_secret(first)


def _unknown_secret(first: _Try) -> Finding:
    if not first.secrets:
        return Finding("secret", "the source has no secret that is set and goes on", "set one")
    summary = "no secret here signed it, whatever is tried with its URL and body"
    remediation = "copy the secret again from the vendor's page of this very webhook"
    return Finding("secret", summary, remediation)


def _verify(one: _Try, scheme: Scheme, now: float) -> Verified:
    secrets = [secret.value for secret in one.secrets]
    return scheme.verify(_request(one), secrets=secrets, now=now)


def _request(one: _Try) -> Request:
    request = one.request
    return Request(request.method, request.url, request.headers, request.body)


def _timeless(scheme: Scheme) -> Scheme:
    return replace(scheme, tolerance_seconds=_ANY_TIME_SECONDS)


def _with_bodies(one: _Try) -> Iterator[_Try]:
    for variant in bodies(one.request.body, one.request.headers):
        summary = f"the body was changed: it verifies {variant.summary}"
        request = replace(one.request, body=variant.value)
        yield _changed(one, request, Finding("body", summary, variant.remediation))


def _with_urls(one: _Try, variants: Iterable[Variant[str]]) -> Iterator[_Try]:
    for variant in variants:
        summary = f"another URL was signed: it verifies {variant.summary}"
        request = replace(one.request, url=variant.value)
        yield _changed(one, request, Finding("url", summary, variant.remediation))


def _changed(one: _Try, request: Captured, finding: Finding) -> _Try:
    return replace(one, request=request, findings=(*one.findings, finding))


def _both(secret: _Try, other: _Try) -> _Try:
    return replace(secret, request=other.request, findings=(*secret.findings, *other.findings))


def _with_secrets(
    first: _Try, secrets: Sequence[NamedSecret], others: Sequence[NamedSecret]
) -> Iterator[_Try]:
    for one in secrets:
        if one.has_ended:
            summary = f"it is signed with {one.name}, which its not_after has ended"
            finding = Finding("secret", summary, "exchange the secret at the vendor")
            yield replace(first, secrets=(one,), findings=(finding,))
    for one in others:
        summary = f"it is signed with {one.described}"
        remediation = "exchange the two secrets, or let the vendor call the other source's URL"
        yield replace(first, secrets=(one,), findings=(Finding("secret", summary, remediation),))
    for one in secrets:
        for variant in spellings(one.value, one.name):
            finding = Finding("secret", f"it verifies {variant.summary}", variant.remediation)
            spelt = replace(one, value=variant.value)
            yield replace(first, secrets=(spelt,), findings=(finding,))
    if isinstance(first.scheme, HmacScheme):
        yield from _with_key_encodings(first, first.scheme)


def _with_key_encodings(first: _Try, scheme: HmacScheme) -> Iterator[_Try]:
    for encoding in _KEY_ENCODINGS:
        if encoding != scheme.key_encoding:
            summary = f"it verifies with the secret read as {encoding}, not {scheme.key_encoding}"
            block = as_hmac_block(scheme, key_encoding=encoding)
            remediation = (
                "set the secret that the vendor shows for webhooks, as it shows it; where this is "
                f"that secret, spell the scheme out: verify: {block}, with `secrets`"
            )
            finding = Finding("secret", summary, remediation)
            other = replace(scheme, key_encoding=encoding)
            yield replace(first, scheme=other, findings=(finding,))


def _as_other_schemes(first: _Try, now: float) -> Iterator[_Try]:
    """The request as another vendor's, where it is rightly signed as such."""
    fitting = [
        name
        for name, scheme in PRESETS.items()
        if name != first.scheme.name and _is_right(replace(first, scheme=scheme), now)
    ]
    if fitting:
        names = " or ".join(fitting)
        finding = Finding("scheme", f"it is signed as {names}", f"write `scheme: {fitting[0]}`")
        yield replace(first, scheme=PRESETS[fitting[0]], findings=(finding,))


def _is_right(one: _Try, now: float) -> bool:
    try:
        _verify(one, _timeless(one.scheme), now)
    except SignatureError:
        return False
    return True


def _clock(scheme: Scheme, verified: Verified, now: float) -> Iterator[Finding]:
    if verified.timestamp is None:
        return
    is_past = verified.timestamp < now
    allowed = scheme.window_seconds if is_past else scheme.ahead_seconds
    apart = abs(now - verified.timestamp)
    if allowed is None or apart <= allowed:
        return
    signed = datetime.fromtimestamp(verified.timestamp, UTC)
    when = "before" if is_past else "after"
    summary = (
        f"it was signed at {signed:%Y-%m-%dT%H:%M:%SZ}, {apart:.0f} s {when} the time it is "
        f"checked at; {allowed} s are allowed"
    )
    remediation = (
        f"--at {signed:%Y-%m-%dT%H:%M:%SZ} checks it as of then; in use, set the clocks right"
    )
    yield Finding("clock", summary, remediation + (retry_cause(scheme, apart) if is_past else ""))


def _without_signature(first: _Try, refused: SignatureError) -> Finding:
    """What a request is that carries no signature at all."""
    set_up = [one for one in first.scheme.handshakes if one.recognises(_request(first))]
    if set_up and not set_up[0].signed:
        summary = f"it is the set-up request {set_up[0].name}, which carries no signature"
        return Finding("request", summary, "nothing is wrong: it is answered, and not stored")
    method = first.request.method
    if method != "POST":
        summary = f"it is a {method} request, and no set-up request of this source"
        return Finding(
            "request", summary, "capture the POST; or add the set-up request: `handshakes`"
        )
    names = ", ".join(sorted(first.request.headers)) or "none"
    remediation = (
        f"capture the request with all its headers (there are: {names}), or set the secret there"
    )
    return Finding("request", refused.detail, remediation)


def _answer(
    one: _Try,
    verified: Verified | None,
    refused: SignatureError | None,
    findings: tuple[Finding, ...] = (),
) -> Diagnosis:
    stamp = verified.timestamp if verified else None
    return Diagnosis(
        verified=refused is None,
        cause=refused.cause if refused else None,
        detail=refused.detail if refused else None,
        secret=one.secrets[verified.secret_index].described if verified else None,
        signed_at=None if stamp is None else datetime.fromtimestamp(stamp, UTC),
        delivery_id=verified.delivery_id if verified else None,
        findings=findings,
    )
