"""Where a captured request shows the secret itself: the knobs of token, basic and path-token.

Pure. Owns the places that are looked at. Compares whole values: a secret that is part of a longer
word is not shown.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from receiver.authoring.diagnosis.sightings import LONGEST_PREFIX
from receiver.signatures import Request, SignatureError
from receiver.signatures.authorization import credentials
from receiver.signatures.fields import query_fields
from receiver.signatures.url_secrets import shown_in

_AUTHORIZATION = "authorization"
#: The name of no parameter, so that the path alone is looked at.
_NO_PARAMETER = "\0"


@dataclass(frozen=True, slots=True)
class Shown:
    """A scheme and its knobs under which the request shows a secret, and the secret's place."""

    knobs: Mapping[str, str]
    secret_index: int


def shown_secrets(request: Request, secrets: Sequence[str]) -> Iterator[Shown]:
    """Every way in which the request shows one of the secrets."""
    for index, secret in enumerate(secrets):
        if secret.strip():
            yield from (Shown(knobs, index) for knobs in _places(request, secret))


def _places(request: Request, secret: str) -> Iterator[dict[str, str]]:
    if _basic(request) == secret:
        yield {"scheme": "basic"}
    for header, value in request.headers.items():
        prefix = value[: -len(secret)]
        if value.endswith(secret) and len(prefix) <= LONGEST_PREFIX and not prefix[-1:].isalnum():
            yield {"scheme": "token", "header": header, "prefix": prefix}
    try:
        fields = query_fields(request.url)
        in_path = shown_in(request.url, _NO_PARAMETER)
    except SignatureError:
        return
    for name, value in fields:
        if value == secret:
            yield {"scheme": "path-token", "parameter": name}
    if secret.encode("utf-8", "replace") in in_path:
        yield {"scheme": "path-token"}


def _basic(request: Request) -> str | None:
    kind, text = credentials(request.headers.get(_AUTHORIZATION, ""))
    if kind != "basic":
        return None
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def half_of_basic(request: Request, secrets: Sequence[str]) -> str | None:
    """Which half of `user:password` is right where the other is not; None for neither."""
    given = (_basic(request) or "").partition(":")
    for user, _, password in (secret.partition(":") for secret in secrets):
        if password and given[2] == password:
            return "password"
        if password and user and given[0] == user:
            return "user"
    return None
