"""The JSON Schemas by which editors complete and check mapping files and `agents.yaml`.

Owns: the schemas' texts, made from the same models that loading uses. Refuses: to know schemes;
their names and knobs are handed in.
"""

from __future__ import annotations

import json
from typing import Any

from mappings.engine.pricing.agentsfile import AgentsShape
from mappings.engine.rules.model import RESERVED, MappingModel
from mappings.engine.schemes import SchemeRules

FILE = "mapping.schema.json"
AGENTS_SCHEMA_FILE = "agents.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def mapping_schema(schemes: SchemeRules) -> dict[str, Any]:
    """JSON Schema (2020-12) of a mapping file."""
    schema: dict[str, Any] = MappingModel.model_json_schema()
    verify = schema["$defs"]["Verify"]
    knobs = schemes.knobs_schema()
    verify["properties"] = {**verify["properties"], **knobs}
    verify["properties"]["scheme"] = {
        "description": "How the source signs.",
        "enum": list(schemes.names()),
    }
    verify["additionalProperties"] = False
    schema["properties"]["let"]["propertyNames"] = {"not": {"enum": sorted(RESERVED)}}
    schema["oneOf"] = [{"required": ["source"]}, {"required": ["sources"]}]
    return {
        "$schema": _DIALECT,
        **_without_titles(schema),
        "title": "Mapping file",
    }


def schema_text(schemes: SchemeRules) -> str:
    """The same as the text of `mapping.schema.json`."""
    return _text(mapping_schema(schemes))


def agents_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `agents.yaml`."""
    schema = _without_titles(AgentsShape.model_json_schema())
    return {"$schema": _DIALECT, **schema, "title": "Catalogue of prices"}


def agents_schema_text() -> str:
    """The same as the text of `agents.schema.json`."""
    return _text(agents_schema())


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _without_titles(node: Any, *, is_names: bool = False) -> Any:
    """Without the titles pydantic derives from names, which say nothing new.

    Under `properties` and `$defs` the keys are names, and one may be `title`.
    """
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_titles(value, is_names=key in {"properties", "$defs"} and not is_names)
        for key, value in node.items()
        if is_names or key != "title" or not isinstance(value, str)
    }
