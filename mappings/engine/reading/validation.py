"""Plain data against a pydantic model, with each fault reported at its place in the file.

Owns: the wording of what is wrong in a well-formed file, and the remedy: the nearest allowed key,
what to add, what is expected with an example. Both come from the model's own JSON Schema, so a
field's `description` and `examples` are what the author sees. Refuses: to read any file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from mappings.engine.common.errors import shown
from mappings.engine.common.suggest import nearest
from mappings.engine.reading.modelschema import (
    allowed_keys,
    description_of,
    example_of,
    kinds_of,
    parts_at,
    schema_of,
)
from mappings.engine.reading.positions import Path, Positions
from mappings.engine.types import FileProblem

ModelT = TypeVar("ModelT", bound=BaseModel)


class Strict(BaseModel):
    """A part of a file: only known keys, no type converted into another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_OWN = "wrong"
_KEY_MARK = "[key]"
_EMPTY = frozenset({"too_short", "string_too_short"})
_EXPECTED = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys and values",
    "null": "nothing",
}


def wrong(
    message: str, remedy: str, *, path: Sequence[str | int] = (), at_key: bool = False
) -> PydanticCustomError:
    """The error that a model's own validator raises: whole sentences, and what to write instead.

    `path` leads on from the value under validation to the part that is at fault; with `at_key`
    the problem points at that part's key.
    """
    context = {"message": message, "remedy": remedy, "path": tuple(path), "at_key": at_key}
    return PydanticCustomError(_OWN, "{message}", context)


def validate(
    model: type[ModelT], data: object, *, file: str, positions: Positions
) -> ModelT | tuple[FileProblem, ...]:
    """`data` as `model`, or all that is wrong with it, in the order of the file."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        schema = schema_of(model)
        faults = [
            _fault(details, data, schema, positions.written)
            for details in error.errors(include_url=False)
        ]
        return tuple(sorted({f.problem(file, positions) for f in _without_noise(faults)}))


@dataclass(frozen=True, slots=True)
class _Fault:
    """One pydantic error in terms of the file: the path of what is at fault."""

    kind: str
    path: Path
    message: str
    remedy: str
    at_key: bool = False
    #: The path of the key that is missing, or of which this key is another spelling.
    means: Path | None = None

    def problem(self, file: str, positions: Positions) -> FileProblem:
        place = positions.key(self.path) if self.at_key else positions.value(self.path)
        return FileProblem.at(file, place, self.message, self.remedy)


def _without_noise(faults: Sequence[_Fault]) -> Iterator[_Fault]:
    """Leave out what a union's other members said.

    A value that may be text or a mapping gives an error for each. Where some error lies deeper,
    the reader meant the mapping; of several at one place, the first already names all that is
    expected there. A key that is missing is there where another is its misspelling.
    """
    misspelt = {fault.means for fault in faults if fault.kind == "extra_forbidden"}
    seen: set[tuple[Path, bool]] = set()
    above = {fault.path[:length] for fault in faults for length in range(len(fault.path))}
    for fault in faults:
        if fault.kind == "missing" and fault.means in misspelt:
            continue
        is_type = fault.kind.endswith("_type")
        if is_type and (fault.path in above or (fault.path, True) in seen):
            continue
        seen.add((fault.path, is_type))
        yield fault


def _fault(
    details: ErrorDetails, data: object, schema: Mapping[str, Any], written: Mapping[Path, str]
) -> _Fault:
    kind = details["type"]
    path, rest = _followed(details["loc"], data)
    context = details.get("ctx", {})
    if kind == _OWN:
        path = (*path, *context["path"])
        at_key = context["at_key"] or _KEY_MARK in rest
        return _Fault(kind, path, context["message"], context["remedy"], at_key)
    if kind == "missing":
        key = str(rest[-1]) if rest else ""
        message = f"The key `{key}` is missing{_inside(path)}."
        means = (*path, key)
        return _Fault(kind, path, message, _add(key, parts_at(schema, means)), means=means)
    if kind == "extra_forbidden":
        key = str(path[-1])
        allowed = allowed_keys(parts_at(schema, path[:-1]))
        message = f"The key `{_shown(key)}` is not known{_inside(path[:-1])}."
        close = nearest(key, allowed)
        meant = None if close is None else (*path[:-1], close)
        remedy = _instead(close, allowed)
        return _Fault(kind, path, message, remedy, at_key=True, means=meant)
    if _KEY_MARK in rest:
        message = f"The key {_shown(path[-1])} is not allowed: {_plain(details)}."
        return _Fault(kind, path, message, "Write another key.", at_key=True)
    parts = parts_at(schema, path)
    text = written.get(path, "")
    subject = f"{_name(path)} is" if path else "The file is"
    message = f"{subject} {_complaint(details, parts, text)}."
    return _Fault(kind, path, message, _remedy(path, details["input"], parts, text))


def _followed(loc: Sequence[str | int], data: object) -> tuple[Path, tuple[str | int, ...]]:
    """Split pydantic's `loc` into the path in the data and the rest.

    `loc` also names members of unions and the missing key; the data has no such thing.
    """
    path: list[str | int] = []
    rest: list[str | int] = []
    node: Any = data
    for step in loc:
        if _has(node, step):
            node = node[step]
            path.append(step)
        else:
            rest.append(step)
    return tuple(path), tuple(rest)


def _has(node: Any, step: str | int) -> bool:
    if isinstance(node, dict):
        return step in node
    return isinstance(node, list) and isinstance(step, int) and step < len(node)


def _inside(path: Path) -> str:
    return f" in {_name(path)}" if path else ""


def _name(path: Path) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step + 1}]"
        else:
            text += f".{_shown(step)}" if text else _shown(step)
    return f"`{text}`"


def _complaint(details: ErrorDetails, schemas: Sequence[Mapping[str, Any]], text: str) -> str:
    kind = details["type"]
    if kind.endswith("_type"):
        return f"{_found(details['input'], text)}, expected {_expected(details, schemas)}"
    if kind in {"literal_error", "enum"}:
        return f"{_shown(details['input'])}, expected {details['ctx']['expected']}"
    if kind in _EMPTY and not details["input"]:
        return "empty"
    return f"not allowed: {_plain(details)}"


def _expected(details: ErrorDetails, schemas: Sequence[Mapping[str, Any]]) -> str:
    names = dict.fromkeys(
        _EXPECTED[kind]
        for schema in schemas
        for kind in kinds_of(schema)
        if kind in _EXPECTED and kind != "null"
    )
    if not names:
        kind = details["type"].removesuffix("_type")
        return {"string": "text", "model": _EXPECTED["object"], "dict": _EXPECTED["object"]}.get(
            kind, kind.replace("_", " ")
        )
    return " or ".join(names)


def _found(value: object, text: str) -> str:
    """What is there; `text` is how a value that is not a string was written."""
    match value:
        case None:
            return "empty"
        case bool():
            return f"the truth value {_shown(text or value)}"
        case int() | float():
            return f"the number {_shown(text or value)}"
        case str():
            return f"the text {_shown(json.dumps(value, ensure_ascii=False))}"
        case list():
            return "a list"
        case _:
            return "a mapping of keys and values"


def _plain(details: ErrorDetails) -> str:
    text = details["msg"].removeprefix("Value error, ").removesuffix(".")
    return text[:1].lower() + text[1:]


def _remedy(path: Path, value: object, schemas: Sequence[Mapping[str, Any]], text: str) -> str:
    choices = [str(choice) for schema in schemas for choice in schema.get("enum", ())]
    if choices:
        return _choice(str(value), choices, example_of(schemas))
    takes_text = any("string" in kinds_of(schema) for schema in schemas)
    if isinstance(value, (bool, int, float)) and takes_text:
        return f'Put it in quotes: "{_shown(text or value)}".'
    example = example_of(schemas)
    if example is not None:
        key = next((step for step in reversed(path) if isinstance(step, str)), "")
        return f"For example `{key}: {example}`." if key else f"For example `{example}`."
    if allowed_keys(schemas):
        return _shape(schemas)
    return description_of(schemas) or _shape(schemas)


def _choice(value: str, choices: Sequence[str], harmless: str | None) -> str:
    """`harmless` is suggested whatever the value, as it bills nothing."""
    meant = harmless or nearest(value, choices)
    if meant is not None:
        return f"Write `{meant}`."
    return f"Write one of: {', '.join(f'`{choice}`' for choice in choices)}."


def _shape(schemas: Sequence[Mapping[str, Any]]) -> str:
    kinds = {kind for schema in schemas for kind in kinds_of(schema)}
    if "boolean" in kinds:
        return "Write true or false."
    if "object" in kinds:
        keys = allowed_keys(schemas)
        return (
            f"Write keys below it, indented: {', '.join(keys)}."
            if keys
            else ("Write `key: value` lines below it, indented.")
        )
    if "array" in kinds:
        return "Write each item below it after `- `."
    return "Write a value of that kind."


def _add(key: str, schemas: Sequence[Mapping[str, Any]]) -> str:
    example = example_of(schemas)
    description = description_of(schemas)
    added = f"Add `{key}: {example}`." if example is not None else f"Add `{key}:`."
    return f"{added} {description}".rstrip()


def _instead(close: str | None, allowed: Sequence[str]) -> str:
    if close is not None:
        return f"Write `{close}`."
    if not allowed:
        return "Remove it; no keys are allowed here."
    return f"Remove it, or write one of: {', '.join(allowed)}."


def _shown(value: object) -> str:
    return shown(str(value).lower() if isinstance(value, bool) else str(value))
