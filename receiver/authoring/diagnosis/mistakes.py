"""What goes wrong between a vendor and here, as variants to try: of body, URL and secret.

Owns the list and its wording. Each variant undoes one mistake; its `summary` completes
"it verifies …".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit, urlunsplit

from receiver.signatures.secret_forms import copy_mistakes

V = TypeVar("V")

_LENGTH = re.compile(r"[0-9]{1,15}")
#: What vendors show before a key, and some sign without.
_MARKS = ("v1,whsec_", "v1,", "whsec_")
_BOM = b"\xef\xbb\xbf"
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Variant(Generic[V]):
    """One thing tried instead of what was captured; `remediation` is what to do if it is right."""

    value: V
    summary: str
    remediation: str


_RAW = "pass the raw bytes on: a proxy, a framework or the capture itself rewrote them"


def bodies(body: bytes, headers: Mapping[str, str]) -> Iterator[Variant[bytes]]:
    """Other bytes that the vendor may have sent."""
    declared = headers.get("content-length", "")
    if _LENGTH.fullmatch(declared) and 0 < int(declared) < len(body):
        summary = "with the body cut to its Content-Length"
        yield Variant(body[: int(declared)], summary, "the capture added to the body's end")
    stripped = body.rstrip(b"\r\n")
    if stripped != body:
        summary = "without the line break at the body's end"
        yield Variant(
            stripped, summary, "an editor or `echo` added it; use printf or a raw capture"
        )
    for ending, name in ((b"\n", "a line break"), (b"\r\n", "CR LF")):
        summary = f"with {name} at the body's end"
        yield Variant(body + ending, summary, _RAW)
    with_lf = body.replace(b"\r\n", b"\n")
    yield Variant(with_lf.replace(b"\n", b"\r\n"), "with CR LF line breaks in the body", _RAW)
    yield Variant(with_lf, "with LF line breaks in the body", _RAW)
    if body.startswith(_BOM):
        yield Variant(body.removeprefix(_BOM), "without the byte order mark", _RAW)
    yield from _rewritten(body)


def _rewritten(body: bytes) -> Iterator[Variant[bytes]]:
    """The same JSON in the ways that programs write it."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return
    again = "the JSON was parsed and written again on its way; verify the raw bytes instead"
    for name, write in _WRITERS.items():
        try:
            written = write(value).encode()
        except (ValueError, RecursionError):
            continue
        yield Variant(written, f"with the body written as {name}", again)


def _dumps(**options: Any) -> Callable[[object], str]:
    return lambda value: json.dumps(value, **options)


_COMPACT = (",", ":")
_WRITERS: Mapping[str, Callable[[object], str]] = {
    "compact JSON": _dumps(separators=_COMPACT, ensure_ascii=False),
    "compact JSON with \\u escapes": _dumps(separators=_COMPACT),
    "JSON with spaces": _dumps(ensure_ascii=False),
    "JSON with spaces and \\u escapes": _dumps(),
    "JSON indented by 2": _dumps(indent=2, ensure_ascii=False),
    "JSON indented by 4": _dumps(indent=4, ensure_ascii=False),
    "compact JSON with escaped slashes": lambda value: _dumps(separators=_COMPACT)(value).replace(
        "/", "\\/"
    ),
    "compact JSON with sorted keys": _dumps(
        separators=_COMPACT, ensure_ascii=False, sort_keys=True
    ),
}


def urls(
    url: str, headers: Mapping[str, str], *, public_url: str, source: str
) -> Iterator[Variant[str]]:
    """Other URLs that the vendor may have called and signed."""
    own = f"{public_url}/webhooks/{source}"
    last = Variant(own, f"with the URL {own}", "capture the URL as the vendor calls it")
    try:
        parts = urlsplit(url)
    except ValueError:
        yield last
        return
    other = "http" if parts.scheme == "https" else "https"
    behind = (
        "set RECEIVER_PUBLIC_URL to what the vendor calls: TLS ends before this service"
        if other == "https"
        else "set RECEIVER_PUBLIC_URL to what the vendor calls"
    )
    yield Variant(urlunsplit(parts._replace(scheme=other)), f"with the URL as {other}://", behind)
    for host in _hosts(headers, public_url, parts.netloc):
        for scheme in ("https", "http"):
            summary = f"with the URL at {scheme}://{host}"
            yield Variant(urlunsplit(parts._replace(scheme=scheme, netloc=host)), summary, behind)
    path = parts.path.removesuffix("/") if parts.path.endswith("/") else parts.path + "/"
    slash = "without" if parts.path.endswith("/") else "with"
    enter = "enter the URL at the vendor exactly as `receiver sources` shows it"
    yield Variant(urlunsplit(parts._replace(path=path)), f"{slash} a slash at the URL's end", enter)
    if parts.query:
        summary = "without the URL's query"
        yield Variant(
            urlunsplit(parts._replace(query="")), summary, "a proxy adds a query; stop it"
        )
    port = _DEFAULT_PORTS.get(parts.scheme, "")
    if port and ":" not in parts.netloc:
        summary = f"with {port} in the URL"
        yield Variant(urlunsplit(parts._replace(netloc=parts.netloc + port)), summary, behind)
    yield last


def _hosts(headers: Mapping[str, str], public_url: str, used: str) -> list[str]:
    named = (
        urlsplit(public_url).netloc,
        headers.get("x-forwarded-host", ""),
        headers.get("x-original-host", ""),
        headers.get("host", ""),
    )
    return [host for host in dict.fromkeys(named) if host and host != used]


def spellings(secret: str, name: str) -> Iterator[Variant[str]]:
    """Other texts that the same secret may have been meant to be."""
    remediation = f"set {name} to exactly what the vendor shows"
    tried = {secret}
    for mistake in copy_mistakes(secret, name):
        if mistake.undone not in tried:
            tried.add(mistake.undone)
            yield Variant(mistake.undone, mistake.said, remediation)
    for mark in filter(secret.startswith, _MARKS):
        alone = f"set {name} to what stands behind `{mark}`: it is signed with the text of that"
        yield Variant(secret.removeprefix(mark), f"with {name} without `{mark}`", alone)
    yield Variant(f"{secret}\n", f"with a line break after {name}", remediation)
    if "\\n" in secret:
        unescaped = secret.replace("\\n", "\n")
        yield Variant(unescaped, f"with \\n in {name} as a line break", remediation)
