"""A request as its vendor would send it: a scheme's formula, carried out.

Owns where a formula's texts are written: headers, query, form, body. What is signed, and how, is
the scheme's. Refuses a body in which the formula's place does not exist.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from receiver.signatures.codecs import write_timestamp
from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import document, form_fields
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.records import Request

#: What a formula's placeholders stand for, by name.
Values = Mapping[str, str]

_PLACEHOLDER = re.compile(r"\{([a-z_0-9]+)\}")
_BOUNDARY = "receiver-7a1c5e9d3b2f"
#: What stands for an element of a list in the path of a member.
EACH = "[]."


def values_of(
    formula: Formula, request: Request, *, secret: str, now: float, delivery_id: str | None
) -> Values:
    """What a formula's placeholders stand for; without a `delivery_id` one is derived."""
    digest = hashlib.sha256(repr(now).encode() + request.body).hexdigest()
    return {
        "id": delivery_id or f"msg_{digest[:24]}",
        "token": digest[:32],
        "nonce": f"{int(now * 1000):x}",
        "timestamp": write_timestamp(now, formula.time_unit) if formula.time_unit else "",
        "body_sha256": hashlib.sha256(request.body).hexdigest(),
        "secret": secret,
        "secret_base64": b64encode(secret.encode("utf-8", "replace")).decode(),
        "user": secret.partition(":")[0],
    }


def write(
    place: Written, request: Request, values: Values, signatures: Sequence[str] = ()
) -> Request:
    """The request with the text of `place` in it.

    `signatures` has one for each element where the place is in a list of the body, else one.
    """
    texts = [_filled(place.text, {**values, "signature": one}) for one in signatures or ("",)]
    if place.place == "header":
        return replace(request, headers={**request.headers, place.name.lower(): texts[0]})
    if place.place == "query":
        return replace(request, url=with_parameter(request.url, place.name, texts[0]))
    if place.place == "form":
        fields = {**dict(form_fields(request.body)), place.name: texts[0]}
        return replace(request, body=urlencode(fields).encode())
    if not place.name:
        return replace(request, body=texts[0].encode())
    members: dict[str, Any] = json.loads(json.dumps(document(request)))
    if EACH in place.name:
        _put_in_each(members, place.name, texts)
    else:
        put(members, place.name, _as_before(members, place, texts[0]))
    return with_document(request, members)


def _filled(template: str, values: Values) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


def _as_before(members: Mapping[str, Any], place: Written, text: str) -> str | int:
    """A time in digits is a number, as vendors write it, unless the member holds a text now."""
    found: Any = members
    for name in place.name.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    is_number = place.text == "{timestamp}" and text.isdecimal() and not isinstance(found, str)
    return int(text) if is_number else text


def _put_in_each(members: dict[str, Any], path: str, texts: Sequence[str]) -> None:
    outer, _, inner = path.partition(EACH)
    elements = members.get(outer)
    if not isinstance(elements, list) or not elements:
        raise SignatureError("malformed-body", f"the body has no list `{outer}`")
    elements[:] = [element if isinstance(element, dict) else {} for element in elements]
    for number, element in enumerate(elements):
        put(element, inner, texts[min(number, len(texts) - 1)])


def put(members: dict[str, Any], path: str, value: object) -> None:
    """Set the member at the path, making the objects on the way."""
    *parents, name = path.split(".")
    for parent in parents:
        if not isinstance(members.get(parent), dict):
            members[parent] = {}
        members = members[parent]
    members[name] = value


def with_document(request: Request, members: dict[str, Any]) -> Request:
    """The request with another document, multipart where it was."""
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    body = text.encode("utf-8", "replace")
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return replace(request, body=body)
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="json"\r\n\r\n'.encode()
    content_type = f"multipart/form-data; boundary={_BOUNDARY}"
    return replace(
        request,
        headers={**request.headers, "content-type": content_type},
        body=head + body + f"\r\n--{_BOUNDARY}--\r\n".encode(),
    )


def with_parameter(url: str, name: str, value: str) -> str:
    """The URL with one more query parameter."""
    base, mark, fragment = url.partition("#")
    joint = "&" if "?" in base else "?"
    return f"{base}{joint}{quote(name)}={quote(value, safe='')}{mark}{fragment}"
