"""Keys, digests and times as vendors write them.

Owns the lists of algorithms, encodings and units. Refuses leniency: what is not exactly of the
named form is malformed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from receiver.signatures.errors import SignatureError

#: Each as named in a mapping file and by hashlib. SHA-1 only where a vendor has nothing better.
ALGORITHMS = ("sha256", "sha512", "sha384", "sha1")

_ISO_8601 = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)
#: In its one spelling: a leading zero could be taken from, or given to, what is signed beside it.
_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")
_WHSEC = "whsec_"
#: Times from here on are milliseconds where a vendor sends either (the year 5138 in seconds).
_FIRST_MILLISECONDS = 100_000_000_000


def from_base64(text: str) -> bytes:
    """Decode base64, with or without its padding, in its one spelling; ValueError otherwise."""
    unpadded = text.rstrip("=")
    key = base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
    if base64.b64encode(key).decode().rstrip("=") != unpadded:
        raise ValueError
    return key


def _from_hex(text: str) -> bytes:
    """Decode hex, all in lower or all in upper case."""
    if text not in (text.lower(), text.upper()):
        raise ValueError
    return binascii.unhexlify(text)


def _from_whsec(secret: str) -> bytes:
    """Decode what stands behind whsec_; some vendors show v1,whsec_… (Supabase, 2026-11)."""
    shown = secret.removeprefix("v1,") if secret.startswith(f"v1,{_WHSEC}") else secret
    return from_base64(shown.removeprefix(_WHSEC))


#: How a secret, exactly as the vendor shows it, becomes the key's bytes.
KEY_ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "utf8": str.encode,
    "base64": from_base64,
    "hex": _from_hex,
    "whsec": _from_whsec,
}

#: How a digest becomes text. Texts are compared, not bytes: the last character of base64 has
#: bits that decoding drops, so two texts may decode to one digest.
ENCODINGS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "base64url": lambda digest: base64.urlsafe_b64encode(digest).decode(),
}


def usable_keys(secrets: Sequence[str], encoding: str) -> list[tuple[int, bytes]]:
    """The keys that can be decoded, each with its place in the list; raise if there are none.

    One malformed secret does not disable the others.
    """
    keys: list[tuple[int, bytes]] = []
    malformed = False
    for index, secret in enumerate(secrets):
        if not secret.strip():
            continue
        try:
            key = KEY_ENCODINGS[encoding](secret)
        except ValueError:  # binascii.Error and UnicodeError are ValueErrors
            key = b""
        if key:
            keys.append((index, key))
        else:
            malformed = True
    if not keys:
        raise SignatureError("malformed-secret" if malformed else "no-secret")
    return keys


def comparable(candidate: str, encoding: str) -> bytes:
    """A sender's signature in the one form that is compared; never raises.

    Hex may be all upper case; base64 may lack its padding.
    """
    if encoding == "hex":
        text = candidate.lower() if candidate.isupper() else candidate
    else:
        text = candidate.rstrip("=")
    return text.encode("utf-8", "backslashreplace")


def _from_either(text: str) -> float:
    number = _whole_number(text)
    return number / 1000 if number >= _FIRST_MILLISECONDS else float(number)


def _whole_number(text: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(text):
        raise ValueError
    return int(text)


def _from_iso8601(text: str) -> float:
    if not _ISO_8601.fullmatch(text):
        raise ValueError
    return datetime.fromisoformat(text).timestamp()


def _from_iso8601_of_utc(text: str) -> float:
    return _from_iso8601(text if _ISO_8601.fullmatch(text) else f"{text}Z")


_TIME_READERS: dict[str, Callable[[str], float]] = {
    "seconds": lambda text: float(_whole_number(text)),
    "milliseconds": lambda text: _whole_number(text) / 1000,
    "seconds-or-milliseconds": _from_either,
    "iso8601": _from_iso8601,
    "iso8601-utc": _from_iso8601_of_utc,
}
TIMESTAMP_UNITS = tuple(_TIME_READERS)
#: Those that are no number. Without an offset only where the vendor means UTC by that.
ISO_8601_UNITS = ("iso8601", "iso8601-utc")


def read_timestamp(text: str, unit: str) -> float:
    """Seconds since 1970; raise SignatureError where the text is not of that unit."""
    try:
        return _TIME_READERS[unit](text)
    except (ValueError, OverflowError):
        raise SignatureError("malformed-timestamp", f"the time of signing is not {unit}") from None


def write_timestamp(now: float, unit: str) -> str:
    """The time as a vendor with that unit writes it; `date and time` is without a zone."""
    if unit == "date and time":
        return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%d %H:%M:%S")
    if unit in ISO_8601_UNITS:
        text = datetime.fromtimestamp(int(now), UTC).replace(tzinfo=None).isoformat()
        return text if unit == "iso8601-utc" else f"{text}Z"
    return str(int(now * 1000)) if unit == "milliseconds" else str(int(now))
