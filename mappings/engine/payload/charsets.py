"""Bytes to text, by the charset that the sender declares and by the bytes themselves.

UTF-8 is tried first whatever is declared: senders that write UTF-8 and declare another charset are
many, and text of another charset is hardly ever UTF-8 by chance. UTF-16 alone has to be declared,
or shown by its byte order mark. A charset that is not in `_CHARSETS` is ignored for bytes that are
UTF-8, unless it writes other text in ASCII. Refuses: to read other bytes by it; a guess is a wrong
id.
"""

from __future__ import annotations

import codecs
import re

from mappings.engine.common.errors import shown
from mappings.engine.payload.errors import PayloadError

#: As codecs.lookup() names them. No codec here can run away with time or memory.
_CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"})
_UTF_16 = frozenset({"utf-16", "utf-16-le", "utf-16-be"})
#: Write other letters in bytes that are ASCII.
_OTHER_TEXT_IN_ASCII = re.compile(r".*utf[-_]?7.*|u7|hz.*|.*2022.*", re.IGNORECASE)
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decoded(body: bytes, charset: str | None) -> str:
    """`body` as text, a byte order mark of UTF-8 left in it. Raises PayloadError."""
    return decoding(body, charset)[0]


def decoding(body: bytes, charset: str | None) -> tuple[str, str]:
    """The same, and the codec that read it. Raises PayloadError."""
    codec = _codec(charset)
    if codec is None and (utf_8 := _utf_8(body, charset)) is not None:
        return utf_8, "utf-8"
    if codec is None:
        message = f"The body's charset, {shown(charset or '')!a}, is not supported."
        raise PayloadError(message)
    if body.startswith(_UTF_16_MARKS):
        codec = "utf-16"
    if codec in _UTF_16:
        return _by(body, codec), codec
    try:
        return body.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        if codec in {"utf-8", "ascii"}:
            raise PayloadError(f"The body is not UTF-8 at byte {error.start + 1}.") from error
    return _by(body, codec), codec


def known_charset(charset: str | None) -> str | None:
    """`charset` if text in it is read here; else None."""
    return charset if charset and _codec(charset) is not None else None


def _utf_8(body: bytes, charset: str | None) -> str | None:
    """`body` as UTF-8, if it is that and can be no text of the charset but the same."""
    try:
        return None if _OTHER_TEXT_IN_ASCII.fullmatch(charset or "") else body.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _codec(charset: str | None) -> str | None:
    """The codec of the charset; None for one that is not read here."""
    if not charset:
        return "utf-8"
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        name = ""
    return name if name in _CHARSETS | _UTF_16 else None


def _by(body: bytes, codec: str) -> str:
    try:
        return body.decode(codec)
    except UnicodeDecodeError as error:
        place = f"at byte {error.start + 1}"
        raise PayloadError(f"The body is not {codec.upper()} {place}.") from error
