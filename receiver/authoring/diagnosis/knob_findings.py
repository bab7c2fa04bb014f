"""What to write under `verify:` for a request that other knobs verify, in lines to copy.

Pure. Owns the words; `knob_search` and `shown_secrets` find out. Only what a mapping file spells
out is changed line by line; for a preset the whole block is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from receiver.authoring.diagnosis.finding import Finding
from receiver.authoring.diagnosis.knob_search import Fit, fitting_knobs
from receiver.authoring.diagnosis.shown_secrets import Shown, half_of_basic, shown_secrets
from receiver.signatures import HmacScheme, Request, Scheme
from receiver.signatures.content import SignedContent
from receiver.signatures.knob_lines import DEFAULTS, as_hmac_block, knobs_of, written
from receiver.signatures.rules import GENERIC
from receiver.signatures.tokens import BasicScheme, PathTokenScheme, TokenScheme

_HMAC = "hmac"
_SHOWING = (TokenScheme, BasicScheme, PathTokenScheme)
#: What is tried for a source that is configured without any signature.
_UNCONFIGURED = HmacScheme(
    name=_HMAC,
    header="",
    algorithm="sha256",
    encoding="hex",
    signed_content=SignedContent.parse("{body}"),
)


@dataclass(frozen=True, slots=True)
class VerifiedByKnobs:
    """The scheme that verifies the request, by which secret, and what to write for it."""

    scheme: Scheme
    secret_index: int
    findings: tuple[Finding, ...]


def verified_by_knobs(
    scheme: Scheme, request: Request, secrets: Sequence[str], *, share: int = 1
) -> VerifiedByKnobs | None:
    """The verification by other knobs than those of `scheme`, one that needs no change included.

    `share` is that of `fitting_knobs`.
    """
    if type(scheme) is HmacScheme:
        fit = fitting_knobs(scheme, request, secrets, share=share)
        if fit is not None:
            findings = _lines(scheme, fit) if scheme.name == _HMAC else _whole(scheme, fit)
            return VerifiedByKnobs(fit.scheme, fit.secret_index, tuple(findings))
    if scheme.name not in GENERIC:
        return None
    for shown in shown_secrets(request, secrets):
        return _of_shown(scheme, shown)
    if isinstance(scheme, _SHOWING):
        fit = fitting_knobs(_UNCONFIGURED, request, secrets, share=share)
        if fit is not None:
            return VerifiedByKnobs(fit.scheme, fit.secret_index, tuple(_whole(scheme, fit)))
    return None


def nearly_right(scheme: Scheme, request: Request, secrets: Sequence[str]) -> Finding | None:
    """What is right in a request that nothing verifies, where a half of it is."""
    half = half_of_basic(request, secrets) if isinstance(scheme, BasicScheme) else None
    if half is None:
        return None
    other = "password" if half == "user" else "user"
    summary = f"the {half} is right, the {other} is another one"
    return Finding("secret", summary, f"copy the {other} again, at the vendor and into the secret")


def _lines(configured: HmacScheme, fit: Fit) -> Iterator[Finding]:
    before = knobs_of(configured)
    for name, value in fit.changes.items():
        instead = f"not {_described(name, before[name])}" if before[name] else "which is not set"
        summary = f"it verifies with {_described(name, value)}, {instead}"
        yield Finding("verify", summary, _line(name, value))


def _described(name: str, value: Any) -> str:
    word = name.replace("_", " ")
    return f"the {word} {_shown(value)}" if value else f"no {word}"


def _line(name: str, value: Any) -> str:
    if value is None and DEFAULTS.get(name) is None:
        return f"remove the line verify.{name}"
    return f"verify.{name}: {_shown(value)}"


def _shown(value: Any) -> str:
    text = str(value)
    return written(text) if text.replace("-", "").isalnum() else json.dumps(text)


def _whole(configured: Scheme, fit: Fit) -> Iterator[Finding]:
    changed = ", ".join(name.replace("_", " ") for name in fit.changes)
    summary = f"it is signed, but otherwise than {configured.name} does ({changed})"
    encoding = {"key_encoding": fit.scheme.key_encoding}
    yield Finding(
        "verify", summary, f"verify: {as_hmac_block(fit.scheme, **encoding)}, with `secrets`"
    )


def _of_shown(configured: Scheme, shown: Shown) -> VerifiedByKnobs:
    knobs = dict(shown.knobs)
    if knobs["scheme"] != configured.name:  # whose other lines have no meaning under the new one
        summary = f"it shows the secret as {knobs['scheme']} does, and is not signed"
        block = ", ".join(f"{name}: {_shown(value)}" for name, value in knobs.items())
        whole = Finding("verify", summary, f"verify: {{{block}}}, with `secrets`")
        return VerifiedByKnobs(configured, shown.secret_index, (whole,))
    findings = tuple(
        Finding("verify", f"it shows the secret with {_described(name, value)}", _line(name, value))
        for name, value in knobs.items()
        if name != "scheme" and not _is_same(getattr(configured, name), value)
    )
    return VerifiedByKnobs(configured, shown.secret_index, findings)


def _is_same(before: Any, value: str) -> bool:
    return before == value or str(before).lower() == value.lower()
