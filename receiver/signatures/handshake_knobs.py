"""The keys of an item of `handshakes` in a verify block: what each may hold.

Owns the one table from which checking, the editor's schema and the docs follow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from receiver.signatures import codecs
from receiver.signatures.knobs import (
    Knob,
    choice_knob,
    header_knob,
    matches,
    object_knob,
    object_of,
    plain_knob,
    text_knob,
)

MOST_HANDSHAKES = 16
MOST_MARKS = 16
LONGEST_TEXT = 1024

_FIELD = re.compile(r"(?:query|form|body)\.[^\s].{0,255}|header\.[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_FIELD_REMEDY = "Write where it stands: query.NAME, header.NAME, form.NAME or body.MEMBER."
_FIELD_SHAPE = {"type": "string", "pattern": r"^(query|header|form|body)\..+$"}


def _field_knob(description: str) -> Knob:
    return plain_knob(description, _FIELD_SHAPE, matches(_FIELD), _FIELD_REMEDY)


def _field_fault(value: object) -> str | None:
    return None if matches(_FIELD)(value) else _FIELD_REMEDY


def _when_fault(value: object) -> str | None:
    if not isinstance(value, Mapping) or not 0 < len(value) <= MOST_MARKS:
        return "Write {body.type: url_verification}: fields, and the text in each."
    for name, text in value.items():
        if (remedy := _field_fault(name)) is not None:
            return remedy
        if not isinstance(text, bool) and not _is_text(text):
            return "Write the text that stands there in quotes; true for any text, false for none."
    return None


def _shows_fault(value: object) -> str | None:
    if isinstance(value, list) and 0 < len(value) <= MOST_MARKS:
        return next(filter(None, map(_field_fault, value)), None)
    return "Write a list of fields, such as [body.verification_token]."


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT and value.isprintable()


_AS_HEADER = header_knob("The header of the answer in which it is repeated.")
#: With these a sender would decide where the answer ends, or what a browser makes of it.
_OWN_HEADERS = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "location", "set-cookie"}
    | {"trailer", "transfer-encoding", "upgrade", "x-content-type-options"}
)


def _own_header_fault(value: object) -> str | None:
    is_own = str(value).lower() in _OWN_HEADERS
    return "Write another header: this one is the receiver's own." if is_own else None


#: Inside `digest`.
DIGEST_KNOBS: dict[str, Knob] = {
    "member": text_knob(
        "The JSON member that holds the HMAC, beside that of as_json; without it the HMAC is "
        "answered in the place of the challenge.",
        empty=False,
    ),
    "algorithm": choice_knob("The hash under the HMAC, sha256 by default.", codecs.ALGORITHMS),
    "encoding": choice_knob("How it is written, hex by default.", tuple(codecs.ENCODINGS)),
    "prefix": text_knob("What stands before it, such as sha256=.", empty=True),
}

#: Inside an item of `handshakes`.
HANDSHAKE_KNOBS: dict[str, Knob] = {
    "method": choice_knob(
        "How it is sent: GET by default where `echo` is a field of the query, otherwise POST.",
        ("GET", "POST"),
    ),
    "when": Knob(
        description="What marks it besides: fields with their text, true for any text, false for "
        "none, "
        "such as {body.type: url_verification}.",
        shape={
            "type": "object",
            "minProperties": 1,
            "maxProperties": MOST_MARKS,
            "propertyNames": _FIELD_SHAPE,
            "additionalProperties": {"type": ["string", "boolean"]},
        },
        fault=_when_fault,
    ),
    "echo": _field_knob(
        "The field that is repeated: query.challenge, header.X-Hook-Secret, body.challenge. It is "
        "answered as plain text unless as_json or as_header is given."
    ),
    "as_json": text_knob(
        'The JSON member in which it is repeated: challenge for {"challenge": …}.', empty=False
    ),
    "as_header": Knob(
        description=_AS_HEADER.description,
        shape=_AS_HEADER.shape,
        fault=lambda value: _AS_HEADER.fault(value) or _own_header_fault(value),
    ),
    "digest": object_knob(
        "Under hmac: the HMAC of what `echo` names, under the secret, is answered.",
        DIGEST_KNOBS,
        "Write {member: encryptedToken, encoding: hex}.",
    ),
    "text": plain_knob(
        "A fixed answer instead of an echo; without either the answer is empty.",
        {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT},
        _is_text,
        f"Write 1 to {LONGEST_TEXT} characters in quotes.",
    ),
    "signed": plain_knob(
        "Whether it must carry the signature or token that deliveries carry: true by default, "
        "but false for a GET under hmac, token and basic. An unsigned POST that carries one is a "
        "delivery.",
        {"type": "boolean"},
        lambda value: isinstance(value, bool),
        "Write true or false.",
    ),
    "verify_token": _field_knob(
        "The field that must equal the secret named under handshake_secret: query.hub.verify_token."
    ),
    "learns": _field_knob(
        "The field that holds the secret itself, unsigned; accepted only at the URL that "
        "`receiver pair` prints."
    ),
    "shows": Knob(
        description="Fields that `receiver pair --wait` shows to you.",
        shape={"type": "array", "items": _FIELD_SHAPE, "minItems": 1, "maxItems": MOST_MARKS},
        fault=_shows_fault,
    ),
}


def handshakes_knob() -> Knob:
    """The knob `handshakes` itself."""
    items = object_of(HANDSHAKE_KNOBS)
    return plain_knob(
        "Set-up requests that are answered and not stored, a list: see below.",
        {"type": "array", "maxItems": MOST_HANDSHAKES, "items": items},
        lambda value: isinstance(value, list) and len(value) <= MOST_HANDSHAKES,
        "Write a list, such as [{echo: query.challenge}].",
    )
