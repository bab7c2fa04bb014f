"""What a pydantic model's JSON Schema holds for the value at a path of a file.

Owns: following references, unions and keys from the top of a schema. Refuses: any wording.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel

from mappings.engine.reading.positions import Path


@cache
def schema_of(model: type[BaseModel]) -> Mapping[str, Any]:
    """The JSON Schema of `model`, made once, with the names that a file uses."""
    return model.model_json_schema(by_alias=True)


def parts_at(schema: Mapping[str, Any], path: Path) -> tuple[Mapping[str, Any], ...]:
    """The parts of a JSON Schema that speak about the value at `path`."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    found = _resolved([schema], definitions)
    for step in path:
        below = [part for parent in found for part in _below(parent, step)]
        found = _resolved(below, definitions)
    return found


def _below(schema: Mapping[str, Any], step: str | int) -> Iterator[Mapping[str, Any]]:
    if isinstance(step, int):
        inner = schema.get("items")
    else:
        inner = schema.get("properties", {}).get(step, schema.get("additionalProperties"))
    if isinstance(inner, dict):
        yield inner


def _resolved(
    schemas: Iterable[Mapping[str, Any]], definitions: Mapping[str, Any]
) -> tuple[Mapping[str, Any], ...]:
    """With references followed and unions opened; what stands beside a reference comes first."""
    found: list[Mapping[str, Any]] = []
    for schema in schemas:
        inner = [definitions[schema["$ref"].rpartition("/")[2]]] if "$ref" in schema else []
        inner += [part for word in ("anyOf", "oneOf", "allOf") for part in schema.get(word, ())]
        found.append(schema)
        found.extend(_resolved(inner, definitions))
    return tuple(found)


def allowed_keys(schemas: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The keys that any of the parts names, in the order of the model."""
    return tuple(dict.fromkeys(key for s in schemas for key in s.get("properties", {})))


def example_of(schemas: Sequence[Mapping[str, Any]]) -> str | None:
    """The first example, as it would be written in a file."""
    for schema in schemas:
        for example in schema.get("examples", ()):
            return str(example) if isinstance(example, str) else json.dumps(example)
    return None


def description_of(schemas: Sequence[Mapping[str, Any]]) -> str:
    """The first description, as a sentence; empty without one."""
    for schema in schemas:
        if "description" in schema:
            text = " ".join(str(schema["description"]).split())
            return text if text.endswith(".") else f"{text}."
    return ""


def kinds_of(schema: Mapping[str, Any]) -> Sequence[str]:
    """The JSON types that the part allows."""
    kind = schema.get("type", ())
    return (kind,) if isinstance(kind, str) else tuple(kind)
