"""A secret in a URL, in every spelling in which vendors and proxies write it.

A secret may hold `/`, `+`, `%`, `?`, `=` and letters of any script. Some clients percent-encode it,
some send it as it stands, and proxies decode or encode once more on the way. So what a request
shows are several texts, of which one is what the vendor was given.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import unquote_plus, unquote_to_bytes

from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import one_of, query_fields

_WEBHOOKS = b"/webhooks/"
#: A path in which it stands more often is no honest one.
_MOST_PLACES = 4


def shown_in(url: str, parameter: str) -> list[bytes]:
    """What the URL shows behind the source's name, or in the parameter where it has one.

    Raises SignatureError for a parameter that is given twice.
    """
    path, _, query = url.partition("?")
    # A question mark in the secret, sent as it stands, begins what looks like a query.
    found = [tail for form in _spellings(url) for tail in _tails(form)]
    if _has(url, query, parameter):
        found += [form for text in _values(query, parameter) for form in _spellings(text)]
    elif path != url:
        found += [tail for form in _spellings(path) for tail in _tails(form)]
    return [shown for shown in dict.fromkeys(found) if shown]


def _has(url: str, query: str, parameter: str) -> bool:
    """Whether the parameter is there; also in a query that is no readable form."""
    try:
        fields = query_fields(url)
    except SignatureError:
        return any(_values(query, parameter))
    return one_of(fields, parameter) is not None


def _values(query: str, parameter: str) -> Iterator[str]:
    """The parameter's value, and all from there on: an `&` sent as it stands ends nothing."""
    pieces = query.split("&")
    for at, piece in enumerate(pieces):
        name, _, value = piece.partition("=")
        if unquote_plus(name) == parameter:
            yield value
            yield value.replace("+", " ")
            yield "&".join([value, *pieces[at + 1 :]])
            return


def _spellings(text: str) -> Iterator[bytes]:
    """The text as it stands, decoded, and decoded twice, as a proxy may have encoded it again.

    A URL is Latin-1 text of what came over the wire, and any text in a captured request.
    """
    for form in dict.fromkeys(_encoded(text)):
        once = unquote_to_bytes(form)
        yield from (form, once, unquote_to_bytes(once))


def _encoded(text: str) -> Iterator[bytes]:
    for encoding in ("latin-1", "utf-8"):
        with contextlib.suppress(UnicodeEncodeError):
            yield text.encode(encoding)


def _tails(form: bytes) -> Iterator[bytes]:
    """What follows `/webhooks/SOURCE/`, with and without a slash before it and at its end.

    The path before it, or the secret itself, may hold the same words.
    """
    pieces = form.split(_WEBHOOKS, _MOST_PLACES)
    for at in range(1, len(pieces)):
        tail = _WEBHOOKS.join(pieces[at:]).partition(b"/")[2]
        yield tail
        yield tail.removesuffix(b"/")
        yield tail.removeprefix(b"/")
