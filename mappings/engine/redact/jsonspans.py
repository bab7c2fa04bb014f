"""Where in a JSON text the values stand that are to go.

Owns a walk over the text that reads only what lies on the paths, and passes over the rest at the
speed of the C scanner. It is as strict as RFC 8259 about form and takes any value: duplicate keys
are all followed, a number of any length is passed over, since what is not on a path must stay as
it came. Bounded: depth by `refuse_depth`, time and memory by the text. Refuses with NotRedactable
whatever is not JSON from end to end; it never guesses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import Any, NoReturn

from mappings.engine.payload.errors import PayloadError
from mappings.engine.payload.jsontext import refuse_depth
from mappings.engine.redact.paths import MARK, Node, NotRedactable

_BLANKS = re.compile(r"[ \t\n\r]*")


def _no_constant(_name: str) -> NoReturn:
    raise ValueError


#: Numbers stay text: none is too long, none loses a digit.
_decoder: Any = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant)
_scan = _decoder.scan_once


@dataclass(frozen=True, slots=True)
class Span:
    """A value to take out: where its text begins and ends, and the value (numbers as text).

    `mark` stands there instead.
    """

    start: int
    end: int
    value: Any
    mark: str = f'"{MARK}"'


def json_spans(text: str, tree: Node) -> list[Span]:
    """The values of one JSON text, in order. A null counts as absent."""
    _refuse_depth(text)
    walk = _Walk(text)
    end = walk.blank(walk.value(walk.blank(0), tree))
    if end != len(text):
        raise _not_json(end)
    return walk.found


def json_lines_spans(text: str, tree: Node) -> list[Span]:
    """The same for JSON lines; blank lines are passed over."""
    found: list[Span] = []
    start = 0
    for line in text.split("\n"):
        if line.strip():
            found += [
                Span(start + span.start, start + span.end, span.value)
                for span in json_spans(line, tree)
            ]
        start += len(line) + 1
    return found


def scalars(value: Any) -> Iterator[str]:
    """The texts and numbers in a value, as text."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from scalars(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from scalars(inner)
    elif isinstance(value, str):
        yield value


class _Walk:
    """One pass over a text; `found` collects the spans."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.found: list[Span] = []

    def blank(self, at: int) -> int:
        """Behind the blanks at `at`."""
        match = _BLANKS.match(self._text, at)
        return match.end() if match else at

    def value(self, at: int, node: Node | None) -> int:
        """Behind the value at `at`."""
        if node is None:
            return self._past(at)[0]
        if node.refused:
            raise NotRedactable(node.refused)
        first = self._text[at : at + 1]
        if node.whole or (node.items and first != "["):
            return self._take(at)
        if first == "[":
            return self._inside(at, node, "]")
        if first == "{":
            return self._inside(at, node, "}")
        return self._past(at)[0]

    def _take(self, at: int) -> int:
        end, value = self._past(at)
        if value is not None:
            self.found.append(Span(at, end, value))
        return end

    def _past(self, at: int) -> tuple[int, Any]:
        """Behind a value of any kind, and the value."""
        try:
            value, end = _scan(self._text, at)
        except (StopIteration, ValueError, RecursionError):
            raise _not_json(at) from None
        return end, value

    def _inside(self, at: int, node: Node, closing: str) -> int:
        """Behind the list or object that begins at `at`."""
        at = self.blank(at + 1)
        if self._text.startswith(closing, at):
            return at + 1
        while True:
            below: Node | None = node
            if closing == "}":
                name, at = self._name(at)
                below = node.names.get(name)
            at = self.blank(self.value(at, below))
            if self._text.startswith(closing, at):
                return at + 1
            at = self.blank(self._expect(",", at))

    def _name(self, at: int) -> tuple[str, int]:
        """The name of a member, and where its value begins."""
        try:
            name, end = scanstring(self._text, self._expect('"', at), True)
        except ValueError:
            raise _not_json(at) from None
        return name, self.blank(self._expect(":", self.blank(end)))

    def _expect(self, sign: str, at: int) -> int:
        if not self._text.startswith(sign, at):
            raise _not_json(at)
        return at + 1


def _refuse_depth(text: str) -> None:
    try:
        refuse_depth(text)
    except PayloadError:
        raise NotRedactable("its JSON is nested too deeply") from None


def _not_json(at: int) -> NotRedactable:
    return NotRedactable(f"it is not JSON at character {at + 1}")
