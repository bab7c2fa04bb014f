"""The keys of a verify block: what each may hold, in words and as JSON Schema.

Owns the one table of knobs from which checking, the editor's schema and the docs follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mappings.engine.common.suggest import completed
from mappings.engine.payload import Format
from receiver.signatures import codecs
from receiver.signatures.content import PLACEHOLDERS, URL_TRANSFORMS, SignedContent
from receiver.signatures.errors import SchemeInvalid

#: What is wrong at which key, and what to write instead.
Fault = tuple[tuple[str | int, ...], str, str]

LONGEST_TOLERANCE_SECONDS = 86_400
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


def header_knob(description: str, *, required: bool = False) -> Knob:
    """A knob that names an HTTP header."""

    def fault(value: object) -> str | None:
        if isinstance(value, str) and _HEADER_NAME.fullmatch(value):
            return None
        return "Write the name of an HTTP header, such as X-Signature."

    shape = {"type": "string", "pattern": f"^{_HEADER_NAME.pattern}$"}
    return Knob(description=description, shape=shape, fault=fault, required=required)


def choice_knob(description: str, choices: tuple[str, ...], *, required: bool = False) -> Knob:
    """A knob that takes one of a few words."""

    def fault(value: object) -> str | None:
        return None if value in choices else f"Write one of {', '.join(choices)}."

    return Knob(
        description=description, shape={"enum": list(choices)}, fault=fault, required=required
    )


def text_knob(description: str, *, empty: bool) -> Knob:
    """A knob that takes text, empty text only where `empty`."""

    def fault(value: object) -> str | None:
        if isinstance(value, str) and (value or empty):
            return None
        return 'Write text in quotes, such as "v1=".'

    return Knob(
        description=description,
        shape={"type": "string", "minLength": 0 if empty else 1},
        fault=fault,
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


def _seconds(value: object) -> str | None:
    if type(value) is int and 1 <= value <= LONGEST_TOLERANCE_SECONDS:
        return None
    return f"Write whole seconds from 1 to {LONGEST_TOLERANCE_SECONDS}."


def _success(value: object) -> str | None:
    return None if isinstance(value, Mapping) else "Write {status: …, body: …, content_type: …}."


def _failure(value: object) -> str | None:
    return None if isinstance(value, Mapping) else "Write {body: …, content_type: …}."


def _secret_name(value: object) -> str | None:
    if isinstance(value, str) and _SECRET_NAME.fullmatch(value):
        return None
    return "Write the name of a secret, such as WHATSAPP_VERIFY_TOKEN."


def _status(value: object) -> str | None:
    if type(value) is int and value in SUCCESS_STATUSES:
        return None
    return f"Write one of {', '.join(map(str, SUCCESS_STATUSES))}."


def _content_type(value: object) -> str | None:
    if isinstance(value, str) and _HEADER_VALUE.fullmatch(value):
        return None
    return "Write a media type, such as text/plain."


#: Inside `success`.
SUCCESS_KNOBS: dict[str, Knob] = {
    "status": Knob(
        description="The status, 200 by default.",
        shape={"enum": list(SUCCESS_STATUSES)},
        fault=_status,
    ),
    "body": text_knob("The body, empty by default.", empty=True),
    "content_type": Knob(
        description="The media type of the body, text/plain by default.",
        shape={"type": "string"},
        fault=_content_type,
    ),
}

#: Inside `failure`.
FAILURE_KNOBS: dict[str, Knob] = {name: SUCCESS_KNOBS[name] for name in ("body", "content_type")}

#: Allowed under every scheme.
COMMON_KNOBS: dict[str, Knob] = {
    "tolerance_seconds": Knob(
        description="How far the time of signing may lie before or after now, 300 by default; "
        "before now "
        "a signed token is judged by its exp instead, and a preset whose vendor repeats the first "
        "signed time in its retries reaches back over them, unless this is set.",
        shape={"type": "integer", "minimum": 1, "maximum": LONGEST_TOLERANCE_SECONDS},
        fault=_seconds,
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
    "success": Knob(
        description="What a vendor must hear for a delivery that was kept, where it insists.",
        shape={
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: {**knob.shape, "description": knob.description}
                for name, knob in SUCCESS_KNOBS.items()
            },
        },
        fault=_success,
    ),
    "failure": Knob(
        description="What a vendor must hear, with 401, for a request that is not verified.",
        shape={
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: {**knob.shape, "description": knob.description}
                for name, knob in FAILURE_KNOBS.items()
            },
        },
        fault=_failure,
    ),
    "handshake_secret": Knob(
        description="The name of a secret that only a set-up request must show, such as a verify "
        "token.",
        shape={"type": "string", "pattern": f"^{_SECRET_NAME.pattern}$"},
        fault=_secret_name,
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


def schema_of(knobs: Mapping[str, Knob]) -> Iterator[tuple[str, dict[str, object]]]:
    """Each knob as a JSON Schema property."""
    for name, knob in knobs.items():
        yield name, {**knob.shape, "description": knob.description}
