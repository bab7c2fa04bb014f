"""YAML text to plain data, strictly, with the place of every key and value.

Owns: which YAML is allowed. Its events come from libyaml through PyYAML, whose C parser bounds a
hostile file of 1 MiB to well under a second (the pure Python parsers of PyYAML and ruamel.yaml
need 3 to 17 s); what they mean is decided here, by the core schema of YAML 1.2, because PyYAML's
own rules are those of YAML 1.1: `on`, `no` and `yes` stay text, as do dates and `1_000`.
Refuses: duplicate keys, keys that are not strings, anchors, aliases and tags, several documents,
tabs for indentation, anything but UTF-8, files over 1 MiB, 64 levels or 100 000 values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from mappings.engine.common.errors import MappingsError, shown
from mappings.engine.reading.positions import Mark, Path, Positions, mark_at
from mappings.engine.reading.yamlsyntax import syntax_problem, unprintable_problems
from mappings.engine.types import FileProblem

BYTES_MAX = 1024 * 1024
#: In place of the bytes of a file that could not be read; no valid file has a NUL.
UNREADABLE = b"\0 unreadable"
CANNOT_BE_READ = ("The file cannot be read.", "Let the user that the service runs as read it.")
DEPTH_MAX = 64
VALUES_MAX = 100_000
#: More are of no use at a time.
PROBLEMS_MAX = 100
DIGITS_MAX = 40

#: YAML 1.2.2 core schema, https://yaml.org/spec/1.2.2/#103-core-schema
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN")


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlFile:
    """The content of a file, and where each part stands.

    `data` is made of dict, list, str, int, float, bool and None. With any problem it is only what
    could be read: good enough to learn which source a broken file was for, never to bill by.
    `cut_off`: reading ended early, so what is missing may merely be unread.
    """

    data: Any
    positions: Positions
    problems: tuple[FileProblem, ...]
    cut_off: bool = False


def parse(body: bytes, *, file: str) -> YamlFile:
    """Read one YAML document; never raises, whatever the bytes.

    All problems found are reported at once; after one that leaves the structure unclear (a syntax
    error) reading ends there. `file` is the name that problems carry.
    """
    reader = _Reader(file=file)
    if body == UNREADABLE:
        reader.problem(None, *CANNOT_BE_READ)
        return reader.result()
    if len(body) > BYTES_MAX:
        reader.problem(None, "The file is larger than 1 MiB.", "Split it; long tables fit CSV.")
        return reader.result()
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        before = body[: error.start].decode("utf-8")
        place = mark_at(before, len(before))
        reader.problem(place, "The file is not UTF-8 here.", "Save the file as UTF-8.")
        return reader.result()
    if text.startswith("\ufeff"):
        reader.problem(
            Mark(1, 1),
            "The file begins with a byte order mark.",
            "Save the file as UTF-8 without BOM.",
        )
        text = text[1:]
    invisible = unprintable_problems(text, file=file)
    reader.problems.extend(invisible)
    if not invisible:
        reader.read(text)
    return reader.result()


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been seen; `key` is the mapping's current key."""

    container: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None


class _StopReadingError(MappingsError):
    """The rest of the file cannot be understood; the problem is already noted."""


@dataclass(slots=True)
class _Reader:
    """Builds data, positions and problems from libyaml's events, without recursion."""

    file: str
    problems: list[FileProblem] = field(default_factory=list)
    data: Any = None
    count: int = 0
    stack: list[_Open] = field(default_factory=list)
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    cut_off: bool = False

    def result(self) -> YamlFile:
        return YamlFile(
            data=self.data,
            positions=Positions(self.keys, self.values, self.written),
            problems=tuple(self.problems),
            cut_off=self.cut_off,
        )

    def problem(self, place: Mark | None, message: str, remedy: str) -> None:
        self.problems.append(FileProblem.at(self.file, place, message, remedy))

    def read(self, text: str) -> None:
        try:
            for event in _events(text):
                self.take(event)
                if len(self.problems) >= PROBLEMS_MAX:
                    self.cut_off = True
                    return
        except yaml.YAMLError as error:
            self.problems.append(syntax_problem(error, text=text, file=self.file))
            self.cut_off = True
        except _StopReadingError:
            self.cut_off = True
            return
        if self.count == 0 and not self.problems:
            self.problem(None, "The file is empty.", "Write its content, or remove the file.")

    def take(self, event: yaml.Event) -> None:
        mark = event.start_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark(1, 1)
        if isinstance(event, yaml.NodeEvent):
            self.refuse_extras(event, place)
        match event:
            case yaml.DocumentStartEvent() if self.count:
                self.stop(
                    place,
                    "A second document begins here.",
                    "Keep one document a file: remove the `---`.",
                )
            case yaml.AliasEvent():
                self.scalar(None, place)
            case yaml.ScalarEvent():
                self.scalar(event, place)
            case yaml.MappingStartEvent():
                self.open({}, place)
            case yaml.SequenceStartEvent():
                self.open([], place)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self.stack.pop()

    def stop(self, place: Mark, message: str, remedy: str) -> None:
        self.problem(place, message, remedy)
        raise _StopReadingError(message)

    def refuse_extras(self, event: yaml.NodeEvent, place: Mark) -> None:
        """Anchors, aliases (so that nothing multiplies) and tags (so that nothing is made)."""
        tag = getattr(event, "tag", None)
        if event.anchor is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            self.problem(
                place,
                f"`{sign}{shown(event.anchor)}` is an anchor or alias of YAML, "
                "which mapping files do not use.",
                "Write the value out; for an expression put all of it in single quotes.",
            )
        elif tag is not None:
            self.problem(
                place,
                f"`{shown(tag)}` is a tag of YAML, which mapping files do not use.",
                "Remove it; an expression that begins with ! needs single quotes around all of it.",
            )

    def open(self, container: dict[str, Any] | list[Any], place: Mark) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.container, dict) and top.key is None:
            self.stop(
                place,
                "A list or mapping stands where a key belongs.",
                "An expression in a text is written ${{ … }}; quote a value that begins with {.",
            )
        if len(self.stack) >= DEPTH_MAX:
            self.stop(place, f"The nesting is deeper than {DEPTH_MAX} levels.", "Make it flatter.")
        path = self.place_value(container, place)
        self.stack.append(_Open(container, path))

    def scalar(self, event: yaml.ScalarEvent | None, place: Mark) -> None:
        top = self.stack[-1] if self.stack else None
        text = event.value if event is not None else ""
        value = self.resolved(event, place) if event is not None else None
        if top is not None and isinstance(top.container, dict) and top.key is None:
            self.take_key(top, top.container, place, text=text, value=value)
            return
        path = self.place_value(value, place)
        if not isinstance(value, str):
            self.written[path] = text

    def take_key(
        self, top: _Open, container: dict[str, Any], place: Mark, *, text: str, value: object
    ) -> None:
        if not isinstance(value, str):
            self.problem(
                place,
                f"The key `{shown(text)}` must be a string.",
                f'Put it in quotes: "{shown(text)}".',
            )
        path = (*top.path, text)
        if text in container:
            self.problem(
                place,
                f"The key `{shown(text)}` is duplicated, first on line {self.keys[path].line}.",
                "Keep one of the two.",
            )
        else:
            self.keys[path] = place
        top.key = text

    def place_value(self, value: Any, place: Mark) -> Path:
        """Put `value` where it belongs; the path of that place."""
        self.count += 1
        if self.count > VALUES_MAX:
            self.stop(
                place,
                f"The file holds more than {VALUES_MAX} values.",
                "Split it, or write the table as CSV.",
            )
        if not self.stack:
            self.data = value
            self.values[()] = place
            return ()
        top = self.stack[-1]
        if isinstance(top.container, list):
            path: Path = (*top.path, len(top.container))
            top.container.append(value)
            self.keys[path] = place
        else:
            key = top.key or ""
            path = (*top.path, key)
            top.container[key] = value
            top.key = None
        self.values[path] = place
        return path

    def resolved(self, event: yaml.ScalarEvent, place: Mark) -> str | int | float | bool | None:
        text = event.value
        if not event.implicit[0]:
            return text
        if _NO_NUMBER.fullmatch(text) or (len(text) > DIGITS_MAX and _FLOAT.fullmatch(text)):
            self.problem(
                place,
                f"`{shown(text)}` is not a usable number.",
                "Put it in quotes if it is meant as text.",
            )
            return None
        return core_value(text)


def core_value(text: str) -> str | int | float | bool | None:
    """What an unquoted `text` stands for by the core schema of YAML 1.2."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return int(text, base)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _events(text: str) -> Iterator[yaml.Event]:
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.CBaseLoader)
    return events
