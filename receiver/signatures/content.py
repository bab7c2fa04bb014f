"""The signed content: a template such as `{timestamp}.{body}`, filled with a request's bytes.

Owns what may stand in a template. Refuses to fill an empty piece, since what a sender may leave
out unnoticed is not signed; `borders` has what follows from where two pieces touch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from receiver.signatures.borders import ends_of_body, ensure_separated, is_apart
from receiver.signatures.errors import SchemeInvalid, SignatureError
from receiver.signatures.records import Request

PLACEHOLDERS = ("method", "url", "body", "timestamp", "header:NAME")

_PIECE = re.compile(r"\{([^{}]*)\}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HUBSPOT_ESCAPE = re.compile(r"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)")


def _decode_as_hubspot(url: str) -> str:
    """Decode the twelve escapes that HubSpot decodes before it signs, in upper case only.

    https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
    (2026-08; HubSpot's SDKs leave this to the caller).
    """
    return _HUBSPOT_ESCAPE.sub(lambda escape: chr(int(escape[0][1:], 16)), url)


#: Named ways in which a vendor changes the URL before signing it.
URL_TRANSFORMS: dict[str, Callable[[str], str]] = {"hubspot": _decode_as_hubspot}


@dataclass(frozen=True, slots=True)
class SignedContent:
    """A template, taken apart: literal bytes, and names of what a request fills in."""

    pieces: tuple[bytes | str, ...]

    @classmethod
    def parse(cls, template: str) -> SignedContent:
        """Take a template apart; raise SchemeInvalid naming the first thing wrong in it."""
        pieces: list[bytes | str] = []
        for number, part in enumerate(_PIECE.split(template)):
            if number % 2:
                pieces.append(_placeholder(part))
            elif "{" in part or "}" in part:
                raise SchemeInvalid(f"a brace stands alone in {template!r}")
            elif part:
                pieces.append(part.encode())
        return cls(tuple(pieces))

    def template(self, id_header: str | None = None) -> str:
        """The template as it is written; `id_header` is named as the id."""
        known = f"header:{(id_header or '').lower()}"
        return "".join(
            piece.decode()
            if isinstance(piece, bytes)
            else "{id}"
            if piece == known
            else f"{{{piece}}}"
            for piece in self.pieces
        )

    def covers(self, placeholder: str) -> bool:
        """Whether the placeholder (`body`, `header:webhook-id`, …) is part of what is signed."""
        return placeholder.lower() in self.pieces

    def fixes(self, header: str) -> bool:
        """Whether the header is signed, and nothing of it can be moved into its neighbours."""
        name = f"header:{header.lower()}"
        return name in self.pieces and is_apart(self.pieces, name)

    def ends_of_body(self, *, timed_by_digits: bool) -> tuple[str, str]:
        """The characters with which the body may not begin, and may not end."""
        return ends_of_body(self.pieces, timed_by_digits=timed_by_digits)

    def parts(self, id_header: str | None) -> tuple[str, ...]:
        """What is signed, in words and in order; `id_header` names the delivery id's."""
        words = {"url": "URL", "timestamp": "time", f"header:{(id_header or '').lower()}": "id"}
        return tuple(
            words.get(piece, piece.removeprefix("header:"))
            for piece in self.pieces
            if isinstance(piece, str)
        )

    def render(self, request: Request, *, url: str, timestamp: str | None) -> bytes:
        """The bytes that were signed.

        Raises SignatureError where a piece is missing, or where one ends is uncertain.
        """
        filled = [
            piece if isinstance(piece, bytes) else _fill(piece, request, url, timestamp)
            for piece in self.pieces
        ]
        ensure_separated(self.pieces, filled)
        return b"".join(filled)


def _placeholder(text: str) -> str:
    kind, _, name = text.partition(":")
    if kind == "header" and _HEADER_NAME.fullmatch(name):
        return f"header:{name.lower()}"
    if text in PLACEHOLDERS[:-1]:
        return text
    allowed = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
    raise SchemeInvalid(f"{{{text}}} is no placeholder; there are {allowed}")


def _fill(piece: str, request: Request, url: str, timestamp: str | None) -> bytes:
    if piece == "body":
        return request.body
    if piece == "method":
        return _bytes_of(request.method, "malformed-header", "the method is not Latin-1 text")
    if piece == "url":
        return _bytes_of(url, "malformed-url", "the URL is not Latin-1 text")
    if piece == "timestamp":
        if not timestamp:
            raise SignatureError("missing-timestamp")
        return _bytes_of(timestamp, "malformed-timestamp")
    name = piece.removeprefix("header:")
    value = request.headers.get(name, "").strip(" \t")
    if not value:
        raise SignatureError("missing-header", f"the signature covers {name}, which is missing")
    return _bytes_of(value, "malformed-header", f"{name} is not Latin-1 text")


def _bytes_of(text: str, cause: str, detail: str = "") -> bytes:
    """Header text as the bytes on the wire: HTTP headers are read as Latin-1 here throughout."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise SignatureError(cause, detail) from None
