"""Verify blocks of mapping files: which are right, what is wrong in one, the scheme it makes.

Owns the meaning of `verify:` except `secrets`, which only name what is configured elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from mappings.engine.common import suggest
from mappings.engine.payload import BodyRules
from receiver.signatures.content import SignedContent
from receiver.signatures.errors import SchemeInvalid
from receiver.signatures.handshake_knobs import handshakes_knob
from receiver.signatures.handshake_rules import (
    faults_of as handshake_faults,
    handshakes_of,
    secret_headers,
)
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.knobs import (
    COMMON_KNOBS,
    FAILURE_KNOBS,
    FORMATS,
    GENERIC_KNOBS,
    SUCCESS_KNOBS,
    Fault,
    Knob,
    key_faults,
    nearest,
    schema_of,
    value_fault,
)
from receiver.signatures.presets import PRESETS
from receiver.signatures.records import Response, Strength
from receiver.signatures.scheme import Scheme
from receiver.signatures.tokens import BasicScheme, PathTokenScheme, TokenScheme

#: The schemes that are spelled out; every other name is a preset.
GENERIC = tuple(GENERIC_KNOBS)
_HANDSHAKES = {"handshakes": handshakes_knob()}
_ALL_GENERIC_KNOBS = _HANDSHAKES | {
    name: knob for knobs in reversed(GENERIC_KNOBS.values()) for name, knob in knobs.items()
}
HMAC = "hmac"
NO_CONTENT = 204
UNAUTHORIZED = 401
#: Read by the mapping language, not here.
_FOREIGN = frozenset({"scheme", "secrets"})


class SchemeRulebook:
    """What the mapping language asks about schemes without knowing any."""

    def problems(self, verify: Mapping[str, object]) -> Sequence[Fault]:
        """Everything wrong in a verify block: path inside it, message, remedy."""
        return list(_faults(verify))

    def signs_delivery_id(self, verify: Mapping[str, object]) -> bool:
        """Whether the block's scheme signs the delivery id; False while the block is wrong."""
        try:
            return scheme_of(verify).signs_delivery_id
        except SchemeInvalid:
            return False

    def body_rules(self, verify: Mapping[str, object]) -> BodyRules | None:
        """How the block's scheme reads bodies; None while the block is wrong."""
        try:
            return scheme_of(verify).body_rules
        except SchemeInvalid:
            return None

    def secret_members(self, verify: Mapping[str, object]) -> Sequence[str]:
        """Where in the body the block's scheme shows the secret itself, as paths of `redact`."""
        try:
            return scheme_of(verify).secret_members
        except SchemeInvalid:
            return ()

    def names(self) -> Sequence[str]:
        """All names that `scheme:` may take."""
        return [*GENERIC, *sorted(PRESETS)]

    def knobs_schema(self) -> dict[str, object]:
        """JSON Schema properties of a verify block, without `secrets`."""
        known = {"scheme": {"enum": self.names(), "description": "How the source signs."}}
        return {**known, **dict(schema_of(COMMON_KNOBS)), **dict(schema_of(_ALL_GENERIC_KNOBS))}


RULES = SchemeRulebook()


def scheme_of(verify: Mapping[str, object]) -> Scheme:
    """The scheme that a verify block describes; raise SchemeInvalid with what to change."""
    for path, message, remedy in _faults(verify):
        where = ".".join(map(str, path)) or "verify"
        raise SchemeInvalid(f"{where}: {message} {remedy}")
    name = cast("str", verify["scheme"])
    scheme = _GENERIC_SCHEMES[name](verify) if name in GENERIC else PRESETS[name]
    changes: dict[str, Any] = {}
    if "tolerance_seconds" in verify:
        changes |= {"tolerance_seconds": verify["tolerance_seconds"], "covers_retries": False}
    if "format" in verify:
        changes["formats"] = (FORMATS[cast("str", verify["format"])],)
    if "charset" in verify:
        changes |= {"charset": verify["charset"], "formats": changes.get("formats", ())}
    if "success" in verify:
        changes["success"] = _answer(cast("Mapping[str, Any]", verify["success"]))
        changes["echo"] = None
    if "failure" in verify:
        failure = {**cast("Mapping[str, Any]", verify["failure"]), "status": UNAUTHORIZED}
        changes["failure"] = _answer(failure)
    if "handshakes" in verify:
        header = scheme.credential_header
        changes["handshakes"] = found = handshakes_of(verify, credential_header=header)
        changes["secret_headers"] = scheme.secret_headers | secret_headers(found)
    return replace(scheme, **changes)


def _knobs_in(verify: Mapping[str, Any]) -> dict[str, Any]:
    allowed = GENERIC_KNOBS[verify["scheme"]]
    return {"name": verify["scheme"], **{name: verify[name] for name in allowed if name in verify}}


def _hmac_scheme(verify: Mapping[str, Any]) -> Scheme:
    knobs = _knobs_in(verify)
    return HmacScheme(
        formats=(), **{**knobs, "signed_content": SignedContent.parse(knobs["signed_content"])}
    )


_GENERIC_SCHEMES: Mapping[str, Callable[[Mapping[str, Any]], Scheme]] = {
    "hmac": _hmac_scheme,
    "token": lambda verify: TokenScheme(formats=None, **_knobs_in(verify)),
    "basic": lambda verify: BasicScheme(formats=None, **_knobs_in(verify)),
    "path-token": lambda verify: PathTokenScheme(formats=None, **_knobs_in(verify)),
}


def _answer(success: Mapping[str, Any]) -> Response:
    body = success.get("body", "").encode()
    content_type = success.get("content_type", "text/plain; charset=utf-8" if body else None)
    return Response(success.get("status", 200), body, content_type)


def _faults(verify: Mapping[str, object]) -> Iterator[Fault]:
    name = verify.get("scheme")
    if name is None:
        yield (), "no scheme is named.", f"Write scheme: and one of {_listed(RULES.names())}."
    elif name not in RULES.names():
        remedy = nearest(str(name).replace("_", "-"), RULES.names())
        yield ("scheme",), f"unknown scheme {str(name)[:64]!r}.", remedy
    else:
        yield from _knob_faults(verify, str(name))
        yield from _answer_faults("success", verify.get("success"), SUCCESS_KNOBS)
        yield from _answer_faults("failure", verify.get("failure"), FAILURE_KNOBS)
        yield from _gate_faults(verify, str(name))
        if name in GENERIC:
            yield from handshake_faults(verify)
        if name == HMAC:
            yield from _time_faults(verify)
        elif "tolerance_seconds" in verify and not _is_timed(str(name)):
            message = f"`{name}` signs no time to hold against it."
            yield ("tolerance_seconds",), message, "Remove it."


def _knob_faults(verify: Mapping[str, object], scheme: str) -> Iterator[Fault]:
    own = GENERIC_KNOBS[scheme] | _HANDSHAKES if scheme in GENERIC else {}
    allowed = COMMON_KNOBS | own
    for key, value in verify.items():
        if key in allowed:
            yield from value_fault((key,), allowed[key], value)
        elif key in _ALL_GENERIC_KNOBS:
            remedy = f"Remove it, or write scheme: {HMAC} and spell out every knob."
            yield (key,), f"`{key}` is fixed by the scheme {scheme}.", remedy
        elif key not in _FOREIGN:
            remedy = nearest(str(key), [*allowed, *sorted(_FOREIGN)])
            yield (key,), f"unknown key {str(key)[:64]!r}.", remedy
    unknown = [str(key) for key in verify if key not in allowed]
    for key, knob in allowed.items():
        if knob.required and key not in verify and not suggest.nearest(key, unknown):
            yield (), f"`{key}` is missing.", f"Add `{key}`. {knob.description}"


def shown_in_set_up(scheme: str) -> str | None:
    """The field in which a preset's set-up requests show a word that may sign nothing."""
    preset = PRESETS.get(scheme)
    if preset is None or preset.strength is Strength.SHARED:
        return None
    return next((one.gate.name for one in preset.handshakes if one.gate is not None), None)


def _gate_faults(verify: Mapping[str, object], scheme: str) -> Iterator[Fault]:
    """A word that set-up requests show in the open must be none that requests are signed with."""
    named, shown = verify.get("handshake_secret"), shown_in_set_up(scheme)
    if shown is not None and named is None:
        message = f"`handshake_secret` is missing: set-up requests show `{shown}` in the open."
        name = f"{scheme.upper().replace('-', '_')}_VERIFY_TOKEN"
        yield (), message, f"Add handshake_secret: {name}, the name of a secret that signs nothing."
    secrets = verify.get("secrets")
    if named is not None and named in _names(secrets if isinstance(secrets, list) else []):
        remedy = "Write the name of another secret, which signs nothing."
        yield ("handshake_secret",), f"`{named}` is one of `secrets` too.", remedy


def _names(secrets: Sequence[object]) -> list[object]:
    return [one.get("name") if isinstance(one, Mapping) else one for one in secrets]


def _is_timed(scheme: str) -> bool:
    return scheme in PRESETS and PRESETS[scheme].is_timed


def _answer_faults(name: str, answer: object, knobs: Mapping[str, Knob]) -> Iterator[Fault]:
    if not isinstance(answer, Mapping):
        return
    yield from key_faults((name,), answer, knobs)
    if answer.get("status") == NO_CONTENT and answer.get("body"):
        yield (name, "body"), "this status has no body.", "Remove it, or write status: 200."


def _time_faults(verify: Mapping[str, object]) -> Iterator[Fault]:
    """A time that is not signed verifies nothing; one that is signed must be found and read."""
    places = [key for key in ("timestamp_header", "timestamp_element") if key in verify]
    template = str(verify.get("signed_content", ""))
    if len(places) > 1:
        yield (places[1],), "the time of signing has two places.", f"Keep one of {_listed(places)}."
    if places and "{timestamp}" not in template:
        remedy = f"Put {{timestamp}} where the vendor has it, or remove {places[0]}."
        yield ("signed_content",), "the time of signing is not signed.", remedy
    if places and "timestamp_unit" not in verify:
        yield (), "`timestamp_unit` is missing.", "Add `timestamp_unit: seconds`, or what it is."
    if not places and "{timestamp}" in template:
        remedy = "Add timestamp_header, or timestamp_element for an item of the signature header."
        yield ("signed_content",), "nothing states where {timestamp} is.", remedy
    for key in ("timestamp_unit", "tolerance_seconds"):
        if not places and key in verify:
            remedy = "Remove it, or add timestamp_header or timestamp_element."
            yield (
                (key,),
                f"`{key}` is of no use: nothing states where the time of signing is.",
                remedy,
            )
    if "timestamp_element" in verify and "separator" not in verify:
        remedy = 'Add separator: what stands between the items, such as ",".'
        yield (), "`separator` is missing.", remedy


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
