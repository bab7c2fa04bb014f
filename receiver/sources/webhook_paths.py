"""What is wrong with the path of a URL that reaches no source, and which source was meant.

Owns the mistakes, and what may be shown of such a path: words of ours and names of sources, never
another part or the query, where a secret may stand. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

WEBHOOKS = "webhooks"
_LIKE_WEBHOOKS = frozenset({"webhook", "webhooks", "hook", "hooks"})
_WORDS = _LIKE_WEBHOOKS | {"api", "v1", "v2", "v3", "receiver"}
_NAME = re.compile(r"[A-Za-z0-9_-]{2,64}")
MAX_PARTS = 6
#: As long as the column in which it is stored.
MAX_SHOWN_CHARS = 200
#: A part that differs by more than this from a source's name may be more than its misspelling.
_MISSPELT_BY = 2

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
class WrongPath:
    """A path that reaches no source: its mistake, the source that was meant, what may be shown."""

    mistake: str
    nearest: str | None
    shown: str
    is_like_webhook: bool

    @property
    def detail(self) -> str:
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


def wrong_path(path: str, names: Iterable[str], suggest: Callable[[str], str | None]) -> WrongPath:
    """What is wrong with a path that no source has. `suggest` finds the name that was meant."""
    known = frozenset(names)
    parts = path.split("/")[1:]
    nearest: str | None = None
    shown: list[str] = []
    for part in parts[:MAX_PARTS]:
        lower = part.lower()
        name = lower if lower in known else None
        if name is None and lower not in _WORDS and nearest is None and _NAME.fullmatch(part):
            name = suggest(lower)
        nearest = nearest or name
        is_misspelt = name is not None and abs(len(name) - len(part)) <= _MISSPELT_BY
        shown.append(part if part == "" or lower in _WORDS or is_misspelt else "…")
    if len(parts) > MAX_PARTS:
        shown.append("…")
    mistake = _mistake(parts, known)
    like = mistake == "no-path" or any(
        part.lower() in _LIKE_WEBHOOKS or part.lower() in known for part in parts[:MAX_PARTS]
    )
    return WrongPath(mistake, nearest, ("/" + "/".join(shown))[:MAX_SHOWN_CHARS], like)


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
