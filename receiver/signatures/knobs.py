"""The keys of a verify block: what each may hold, in words and as JSON Schema.

Owns the one table of knobs from which checking, the editor's schema and the docs follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mappings.engine.common.suggest import completed
from mappings.engine.payload import Format
from receiver.signatures import codecs
from receiver.signatures.content import PLACEHOLDERS, URL_TRANSFORMS, SignedContent
from receiver.signatures.errors import SchemeInvalid
from receiver.signatures.tolerance import LONGEST_TOLERANCE_SECONDS

#: What is wrong at which key, and what to write instead.
Fault = tuple[tuple[str | int, ...], str, str]

SUCCESS_STATUSES = (200, 201, 202, 204)

#: What `format` may say.
FORMATS = {
    "json": Format.JSON,
    "json-lines": Format.JSON_LINES,
    "cloudevents": Format.CLOUD_EVENTS,
    "form": Format.FORM,
    "multipart": Format.MULTIPART,
    "xml": Format.XML,
}
#: What `charset` may say: all that a body is read in.
CHARSETS = ("utf-8", "iso-8859-1", "iso-8859-15", "windows-1252", "utf-16")

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One key: its description, its shape as JSON Schema, and what is wrong with a value, if so."""

    description: str
    shape: Mapping[str, object]
    fault: Callable[[object], str | None]
    required: bool = False


def schema_of(knobs: Mapping[str, Knob]) -> Iterator[tuple[str, dict[str, object]]]:
    """Each knob as a JSON Schema property."""
    for name, knob in knobs.items():
        yield name, {**knob.shape, "description": knob.description}


def object_of(knobs: Mapping[str, Knob]) -> dict[str, object]:
    """The JSON Schema of an object of these knobs and no other keys."""
    properties = dict(schema_of(knobs))
    return {"type": "object", "additionalProperties": False, "properties": properties}


def plain_knob(
    description: str,
    shape: Mapping[str, object],
    accepts: Callable[[Any], bool],
    remedy: str,
    *,
    required: bool = False,
) -> Knob:
    """A knob with one remedy for every value that it does not accept."""

    def fault(value: object) -> str | None:
        return None if accepts(value) else remedy

    return Knob(description=description, shape=shape, fault=fault, required=required)


def object_knob(description: str, knobs: Mapping[str, Knob], remedy: str) -> Knob:
    """A knob that holds others, whose values are judged apart."""
    return plain_knob(
        description, object_of(knobs), lambda value: isinstance(value, Mapping), remedy
    )


def matches(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    """Whether a value is text that has the pattern."""
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def header_knob(description: str, *, required: bool = False) -> Knob:
    """A knob that names an HTTP header."""
    shape = {"type": "string", "pattern": f"^{_HEADER_NAME.pattern}$"}
    remedy = "Write the name of an HTTP header, such as X-Signature."
    return plain_knob(description, shape, matches(_HEADER_NAME), remedy, required=required)


def choice_knob(description: str, choices: Sequence[str | int], *, required: bool = False) -> Knob:
    """A knob that takes one of a few words or numbers."""
    remedy = f"Write one of {', '.join(map(str, choices))}."

    def accepts(value: object) -> bool:
        return isinstance(value, str | int) and type(value) is not bool and value in choices

    return plain_knob(description, {"enum": list(choices)}, accepts, remedy, required=required)


def text_knob(description: str, *, empty: bool) -> Knob:
    """A knob that takes text, empty text only where `empty`."""
    return plain_knob(
        description,
        {"type": "string", "minLength": 0 if empty else 1},
        lambda value: isinstance(value, str) and bool(value or empty),
        'Write text in quotes, such as "v1=".',
    )


def _signed_content() -> Knob:
    def fault(value: object) -> str | None:
        if not isinstance(value, str):
            return 'Write a template in quotes, such as "{timestamp}.{body}".'
        try:
            parsed = SignedContent.parse(value)
        except SchemeInvalid as error:
            return f"{error}."
        if not parsed.covers("body"):
            return "Put {body} into it: a signature that leaves the body out protects nothing."
        return None

    placeholders = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    return Knob(
        description=f"What the vendor signs, as a template over {placeholders}.",
        shape={"type": "string"},
        fault=fault,
        required=True,
    )


def _is_tolerance(value: object) -> bool:
    return type(value) is int and 1 <= value <= LONGEST_TOLERANCE_SECONDS


#: Inside `success`.
SUCCESS_KNOBS: dict[str, Knob] = {
    "status": choice_knob("The status, 200 by default.", SUCCESS_STATUSES),
    "body": text_knob("The body, empty by default.", empty=True),
    "content_type": plain_knob(
        "The media type of the body, text/plain by default.",
        {"type": "string"},
        matches(_HEADER_VALUE),
        "Write a media type, such as text/plain.",
    ),
}

#: Inside `failure`.
FAILURE_KNOBS: dict[str, Knob] = {name: SUCCESS_KNOBS[name] for name in ("body", "content_type")}

#: Allowed under every scheme.
COMMON_KNOBS: dict[str, Knob] = {
    "tolerance_seconds": plain_knob(
        "How far the time of signing may lie before or after now, 300 by default; before now "
        "a signed token is judged by its exp instead, and a preset whose vendor repeats the first "
        "signed time in its retries reaches back over them, unless this is set.",
        {"type": "integer", "minimum": 1, "maximum": LONGEST_TOLERANCE_SECONDS},
        _is_tolerance,
        f"Write whole seconds from 1 to {LONGEST_TOLERANCE_SECONDS}.",
    ),
    "dedupe": choice_knob(
        "none: every POST is a delivery of its own, also when it repeats another.", ("none",)
    ),
    "format": choice_knob(
        "What the bodies are, whatever their unsigned content type states. Without it a "
        "preset takes what its vendor sends, hmac goes by the first characters, and token, basic "
        "and path-token, which sign nothing, go by the content type.",
        tuple(FORMATS),
    ),
    "charset": choice_knob("What texts are written in that are not UTF-8.", CHARSETS),
    "success": object_knob(
        "What a vendor must hear for a delivery that was kept, where it insists.",
        SUCCESS_KNOBS,
        "Write {status: …, body: …, content_type: …}.",
    ),
    "failure": object_knob(
        "What a vendor must hear, with 401, for a request that is not verified.",
        FAILURE_KNOBS,
        "Write {body: …, content_type: …}.",
    ),
    "handshake_secret": plain_knob(
        "The name of a secret that only a set-up request must show, such as a verify token.",
        {"type": "string", "pattern": f"^{_SECRET_NAME.pattern}$"},
        matches(_SECRET_NAME),
        "Write the name of a secret, such as WHATSAPP_VERIFY_TOKEN.",
    ),
}

#: Only under `scheme: hmac`.
HMAC_KNOBS: dict[str, Knob] = {
    "header": header_knob("The header that carries the signature.", required=True),
    "algorithm": choice_knob("The hash under the HMAC.", codecs.ALGORITHMS, required=True),
    "encoding": choice_knob(
        "How the digest is written in the header.", tuple(codecs.ENCODINGS), required=True
    ),
    "signed_content": _signed_content(),
    "prefix": text_knob("What stands before the signature, such as sha256= or v1=.", empty=True),
    "separator": text_knob(
        "What stands between several items in the signature header; none: it holds one.",
        empty=False,
    ),
    "key_encoding": choice_knob(
        "How the secret becomes the key: utf8 (the default) takes it as it stands; whsec is "
        "base64 behind an optional whsec_.",
        tuple(codecs.KEY_ENCODINGS),
    ),
    "timestamp_header": header_knob("The header that carries the time of signing."),
    "timestamp_element": text_knob(
        "The item of the signature header that carries the time, such as t for t=….", empty=False
    ),
    "timestamp_unit": choice_knob(
        "The unit of the time of signing; iso8601-utc may lack its offset.", codecs.TIMESTAMP_UNITS
    ),
    "id_header": header_knob(
        "The header that carries the vendor's delivery id; signed when signed_content names it."
    ),
    "url_transform": choice_knob(
        "How the vendor changes the URL before it signs.", tuple(URL_TRANSFORMS)
    ),
}

#: The remaining generic schemes, for what signs nothing: a secret that the operator adds.
_ID_KNOB = {"id_header": header_knob("The header that carries the vendor's delivery id.")}
GENERIC_KNOBS: dict[str, dict[str, Knob]] = {
    "hmac": HMAC_KNOBS,
    "token": {
        "header": header_knob("The header that carries the token; X-Webhook-Token by default."),
        "prefix": text_knob(
            "What stands before the token. In Authorization the name of a scheme, such as Bearer, "
            "whose case does not matter.",
            empty=True,
        ),
        **_ID_KNOB,
    },
    "basic": _ID_KNOB,
    "path-token": {
        "parameter": text_knob(
            "The query parameter that may carry the token instead of the path; token by default.",
            empty=False,
        ),
        **_ID_KNOB,
    },
}


def nearest(word: str, known: Iterable[str]) -> str:
    """What to write instead of a misspelt word."""
    names = list(known)
    close = completed(word, names)
    return f"Did you mean {' or '.join(close)}?" if close else f"Write one of {', '.join(names)}."


def key_faults(
    place: tuple[str | int, ...], block: Mapping[str, object], knobs: Mapping[str, Knob]
) -> Iterator[Fault]:
    """The keys of a block that are none of these knobs, and the values that a knob cannot have."""
    for key, value in block.items():
        if key in knobs:
            yield from value_fault((*place, key), knobs[key], value)
        else:
            yield (*place, key), f"unknown key {str(key)[:64]!r}.", nearest(str(key), knobs)


def value_fault(place: tuple[str | int, ...], knob: Knob, value: object) -> Iterator[Fault]:
    """What is wrong with the value of one knob."""
    remedy = knob.fault(value)
    if remedy is not None:
        yield place, f"`{place[-1]}` cannot be {str(value)[:64]!r}.", remedy
