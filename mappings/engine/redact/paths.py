"""The paths of `redact:`, strict and small: `payload.customer.email`, `headers.x-user-email`.

Owns their language and the tree that a body is walked with. Lists are looked through: a name
stands for that member of each object in them, so that a sender which posts one thing or many is
covered by one path. `[*]` at the end takes the items out one by one and leaves the list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mappings.engine.common.errors import MappingsError

#: What replaces a value; in JSON it is in quotes.
MARK = "[redacted]"

PAYLOAD, HEADERS = "payload", "headers"
NAMES_MAX = 32
_PATH_CHARS_MAX = 500
_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|\[(?P<quoted>\"(?:[^\"\\]|\\.)*\")\]|(?P<items>\[\*\])"
)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
#: A body is read by its content type.
_NEEDED_HEADERS = frozenset({"content-type"})

_EXAMPLE = "Write it like payload.customer.email, payload.items[*].note or headers.x-user-email."
Names = tuple[str, ...]


class InvalidPath(MappingsError):
    """The text is not a path of `redact`; `message` and `remedy` are whole sentences."""

    def __init__(self, message: str, remedy: str = _EXAMPLE) -> None:
        super().__init__(message, remedy)


class NotRedactable(MappingsError):
    """It is uncertain where in the body the values are; the message holds nothing of them."""


@dataclass(frozen=True, slots=True)
class RedactPath:
    """One path. `names` lead from `root` to the value; `items`: to the items of that list."""

    root: str
    names: Names
    items: bool = False

    def __str__(self) -> str:
        written = "".join(
            f".{name}" if _PLAIN.fullmatch(name) else f"[{json.dumps(name, ensure_ascii=False)}]"
            for name in self.names
        )
        return f"{self.root}{written}{'[*]' if self.items else ''}"

    @property
    def places(self) -> Names:
        """The root and the names together: what an expression would have to read."""
        return (self.root, *self.names)

    def covers(self, other: RedactPath) -> bool:
        """Whether what `other` names goes with this one anyway."""
        return other.places[: len(self.places)] == self.places and not (
            self.items and other.places == self.places and not other.items
        )


def parse_path(text: str) -> RedactPath:
    """The path that `text` writes. Raises InvalidPath."""
    if len(text) > _PATH_CHARS_MAX:
        raise InvalidPath(f"This path has more than {_PATH_CHARS_MAX} characters.")
    root = next((one for one in (PAYLOAD, HEADERS) if re.match(rf"{one}(?![\w-])", text)), None)
    if root is None:
        raise InvalidPath(f"`{text}` begins with neither `payload` nor `headers`.")
    return _header(text) if root == HEADERS else _payload(text)


def _payload(text: str) -> RedactPath:
    names: list[str] = []
    items = False
    position = len(PAYLOAD)
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            raise InvalidPath(f"`{text}` cannot be read from `{text[position:]}` on.")
        items = step["items"] is not None
        if not items:
            names.append(step["name"] or _unquoted(step["quoted"]))
        position = step.end()
    if not names:
        raise InvalidPath(f"`{text}` is the whole body.", "Name the members to take out.")
    if len(names) > NAMES_MAX:
        raise InvalidPath(f"This path has more than {NAMES_MAX} names.")
    return RedactPath(PAYLOAD, tuple(names), items)


def _header(text: str) -> RedactPath:
    name = text[len(HEADERS) :]
    name = _unquoted(name[1:-1]) if name.startswith('["') and name.endswith('"]') else name[1:]
    name = name.lower()
    if not text.startswith(("headers.", 'headers["')) or not _HEADER.fullmatch(name):
        raise InvalidPath(f"`{text}` names no header.", "Write it like headers.x-user-email.")
    if name in _NEEDED_HEADERS:
        raise InvalidPath(f"The body is read by `{name}`.", "Leave it out of `redact`.")
    return RedactPath(HEADERS, (name,))


def _unquoted(quoted: str) -> str:
    try:
        return str(json.loads(quoted))
    except ValueError:
        raise InvalidPath(f"{quoted} is not a name in quotes.") from None


@dataclass(slots=True)
class Node:
    """A place that paths lead to or through, by the names below it.

    `whole`: the value here goes. `items`: each item of the list here goes, or the value itself
    where it is no list. `refused`: a value here cannot be redacted; why.
    """

    names: dict[str, Node] = field(default_factory=dict)
    whole: bool = False
    items: bool = False
    refused: str | None = None


def tree_of(paths: Iterable[RedactPath], *, refused: Mapping[str, str] | None = None) -> Node:
    """The tree of the paths into the payload; `refused` are top members that may not be there."""
    root = Node()
    for path in paths:
        if path.root == PAYLOAD:
            node = root
            for name in path.names:
                node = node.names.setdefault(name, Node())
            node.whole |= not path.items
            node.items |= path.items
    for name, why in (refused or {}).items():
        root.names.setdefault(name, Node()).refused = why
    return root
