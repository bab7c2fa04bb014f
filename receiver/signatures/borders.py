"""Where one piece of a signed content ends and the next begins.

A signature covers the pieces joined together, so anyone with one request could move a border and
keep the signature: id `a` and body `b=1` are also id `ab` and body `=1`. Owns what follows from a
template: which characters may not stand at an end of the body, whether an id is fixed, and which
headers may not hold what separates them. Times need no such care: they have one spelling, and one
that lost or gained a digit is years away.
"""

from __future__ import annotations

from collections.abc import Sequence

from receiver.signatures.errors import SignatureError

_BODY = "body"
_DIGITS = "0123456789"
#: What a URL or an identifier is made of; JSON and XML begin and end with something else.
PLAIN = f"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz{_DIGITS}-._~:/?#@!$&'()*+,;=%"
_PLAIN_BYTES = frozenset(PLAIN.encode())

#: Literal bytes, and the names of what a request fills in.
Pieces = Sequence[bytes | str]


def ends_of_body(pieces: Pieces, *, timed_by_digits: bool) -> tuple[str, str]:
    """The characters with which a body may not begin, and those with which it may not end.

    With one of them it may have been cut at another place than its sender did.
    """
    if _BODY not in pieces:
        return "", ""
    place = pieces.index(_BODY)
    before, behind = pieces[:place][::-1], pieces[place + 1 :]
    return (
        _neighbour(before, timed_by_digits=timed_by_digits),
        _neighbour(behind, timed_by_digits=timed_by_digits),
    )


def _neighbour(pieces: Pieces, *, timed_by_digits: bool) -> str:
    """What the nearest piece is made of, unless something else stands between."""
    for piece in pieces:
        if isinstance(piece, str):
            if piece == "timestamp":
                return _DIGITS if timed_by_digits and piece is pieces[0] else ""
            return "" if piece == "method" else PLAIN
        if not _PLAIN_BYTES.issuperset(piece):
            break
    return ""


def is_apart(pieces: Pieces, name: str) -> bool:
    """Whether nothing of the piece can be moved into a URL or header that stands beside it."""
    place = pieces.index(name)
    beside = (*pieces[max(place - 1, 0) : place], *pieces[place + 1 : place + 2])
    return not any(isinstance(one, str) and one.startswith(("url", "header:")) for one in beside)


def ensure_separated(pieces: Pieces, filled: Sequence[bytes]) -> None:
    """Raise SignatureError where a header holds what separates it from a body of plain text.

    `a.1790000000.b=1` could be cut behind either point.
    """
    if _BODY not in pieces:
        return
    place = pieces.index(_BODY)
    for index, piece in enumerate(pieces):
        if index == place or not isinstance(piece, str) or not piece.startswith("header:"):
            continue
        at_left = index < place
        beside = index + 1 if at_left else index - 1
        separator = pieces[beside]
        if not isinstance(separator, bytes) or separator not in filled[index]:
            continue
        if (filled[place][:1] if at_left else filled[place][-1:]) in _PLAIN_SINGLES:
            name = piece.removeprefix("header:")
            detail = f"{name} holds {separator.decode()!r}, so where the body begins is uncertain"
            raise SignatureError("malformed-header", detail)


_PLAIN_SINGLES = frozenset(char.encode() for char in PLAIN)
