"""Requests that reach the service and no source: which mistake their URL has, and which is right.

Owns what is kept of such a path: words of ours and names of sources, never another part or the
query, where a secret may stand. Refuses to grow under attack: such requests are grouped by mistake
and nearest source, so that a million different paths are a few rows, and hide no other's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic

from starlette.types import Message, Scope

from mappings.engine.common.suggest import nearest
from receiver.health.metrics import UNKNOWN
from receiver.sources.registry import KnownSource
from receiver.web.rejections import Rejection, rejection_of
from receiver.web.request import WebRequest

WEBHOOKS = "webhooks"
_LIKE_WEBHOOKS = frozenset({"webhook", "webhooks", "hook", "hooks"})
_WORDS = _LIKE_WEBHOOKS | {"api", "v1", "v2", "v3", "receiver"}
#: Headers by which vendors sign a request or name its event.
_VENDORS_HEADER = re.compile(r"signature|hmac|webhook|hook-|-(?:event|topic|delivery)\b")
_NAME = re.compile(r"[A-Za-z0-9_-]{2,64}")
MOST_PARTS = 6
#: As long as the column in which it is kept.
LONGEST_SHOWN = 200
#: A part that differs by more than this from a source's name may be more than its misspelling.
_MISSPELT_BY = 2
#: So many misspelt names are compared with all sources in a second.
COMPARED_PER_SECOND = 50
_METHODS = frozenset({"POST", "PUT", "PATCH"})

#: What is wrong with a path. A group is one of these with the nearest source.
MISTAKES: Mapping[str, str] = {
    "no-path": "the URL has no path: that of a source is /webhooks/NAME",
    "no-name": "the path names no source: it is /webhooks/NAME",
    "two-slashes": "the path has two slashes in a row",
    "unknown-name": "No source of this name is configured.",
    "more-path": "the path goes on behind the source's name, where its scheme has nothing",
    "prefix": "something stands before /webhooks/: a proxy has to take its prefix away",
    "other-word": "the path does not begin with /webhooks/ to the letter",
    "no-webhooks": "the source's name stands without /webhooks/ before it",
    "other": "nothing is served at this path",
}
_CAUSES = {"unknown-name": "unknown-source", "more-path": "unknown-source"}
_OTHER_CAUSE = "unknown-path"


@dataclass(frozen=True, slots=True)
class Stray:
    """A path that is no source's: its mistake, the source that was meant, and what may be shown."""

    mistake: str
    nearest: str | None
    shown: str
    is_like_webhook: bool

    @property
    def said(self) -> str:
        return MISTAKES[self.mistake]

    @property
    def cause(self) -> str:
        return _CAUSES.get(self.mistake, _OTHER_CAUSE)


def is_path_of(path: str, name: str, *, takes_path: bool) -> bool:
    """Whether a request to this path reaches the source; one slash at the end is taken."""
    whole = f"/{WEBHOOKS}/{name}"
    if path.removesuffix("/") == whole:
        return True
    return takes_path and path.startswith(f"{whole}/")


def stray(path: str, names: Iterable[str], suggest: Callable[[str], str | None]) -> Stray:
    """What is wrong with a path that no source has. `suggest` finds the name that was meant."""
    known = frozenset(names)
    parts = path.split("/")[1:]
    found: str | None = None
    shown: list[str] = []
    for part in parts[:MOST_PARTS]:
        lower = part.lower()
        name = lower if lower in known else None
        if name is None and lower not in _WORDS and found is None and _NAME.fullmatch(part):
            name = suggest(lower)
        found = found or name
        is_misspelt = name is not None and abs(len(name) - len(part)) <= _MISSPELT_BY
        shown.append(part if part == "" or lower in _WORDS or is_misspelt else "…")
    if len(parts) > MOST_PARTS:
        shown.append("…")
    mistake = _mistake(parts, known)
    like = mistake == "no-path" or any(
        part.lower() in _LIKE_WEBHOOKS or part.lower() in known for part in parts[:MOST_PARTS]
    )
    return Stray(mistake, found, ("/" + "/".join(shown))[:LONGEST_SHOWN], like)


def _mistake(parts: list[str], known: Iterable[str]) -> str:
    words = [part.lower() for part in parts if part]
    if not words:
        return "no-path"
    if "" in parts[:-1]:
        return "two-slashes"
    if parts[0] == WEBHOOKS:
        return _behind_webhooks(words, known)
    if WEBHOOKS in words[1:]:
        return "prefix"
    if words[0] in _LIKE_WEBHOOKS:
        return "other-word"
    return "no-webhooks" if any(word in known for word in words) else "other"


def _behind_webhooks(words: list[str], known: Iterable[str]) -> str:
    if len(words) == 1:
        return "no-name"
    return "more-path" if words[1] in known else "unknown-name"


class Strays:
    """Makes a rejection of each request that no source takes and that a vendor may have sent.

    `base` is what vendors call, up to before `/webhooks/…`. `clock` is in seconds.
    """

    def __init__(
        self,
        *,
        sources: Callable[[], Mapping[str, KnownSource]],
        base: str,
        on_rejection: Callable[[Rejection], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._sources = sources
        self._base = base
        self._on_rejection = on_rejection
        self._clock = clock
        self._second = 0
        self._compared = 0

    def note(self, scope: Scope) -> None:
        """Take note of a request that nothing answers, where it looks like a webhook."""
        if scope["method"] in _METHODS:
            found = self._stray(str(scope["path"]))
            call = WebRequest(scope, _nothing_more, _nowhere)
            if found.is_like_webhook or any(map(_VENDORS_HEADER.search, call.headers)):
                self._on_rejection(self.rejection(call, found))

    def note_unknown(self, call: WebRequest) -> None:
        """Take note of a request to a source that there is not."""
        self._on_rejection(self.rejection(call, self._stray(call.path)))

    def rejection(self, call: WebRequest, found: Stray) -> Rejection:
        """What is told of it: grouped by its mistake and the source that was meant."""
        return rejection_of(
            call,
            source=UNKNOWN,
            cause=found.cause,
            detail=found.said,
            path=found.shown,
            nearest_source=found.nearest,
            remediation=self._remediation(found.nearest),
            group=f"{found.cause}/{found.mistake}/{found.nearest or ''}",
        )

    def _remediation(self, name: str | None) -> str:
        if name is None:
            return "`receiver sources` lists the URLs that are served"
        source = self._sources().get(name)
        takes_path = source is not None and source.scheme is not None and source.scheme.takes_path
        return f"let the vendor call {self._base}/{WEBHOOKS}/{name}{'/<secret>' * takes_path}"

    def _stray(self, path: str) -> Stray:
        return stray(path, self._sources(), self._suggest)

    def _suggest(self, part: str) -> str | None:
        """The source whose name is near; none where too many ask for it."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._compared = second, 0
        self._compared += 1
        if self._compared > COMPARED_PER_SECOND:
            return None
        return nearest(part, self._sources())


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}


async def _nowhere(_message: Message) -> None:
    """Nothing is answered from here."""
