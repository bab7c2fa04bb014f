"""The schema for editors agrees with what loading takes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from mappings.engine.reading import yamlfile
from mappings.engine.tooling.schema import (
    AGENTS_SCHEMA_FILE,
    FILE,
    agents_schema,
    agents_schema_text,
    mapping_schema,
    schema_text,
)
from receiver.signatures import RULES
from tests.mappings.kit import MAPPING, FakeSchemes, rule

MAPPINGS = Path(__file__).resolve().parents[3] / "mappings"
SCHEMA = mapping_schema(FakeSchemes())


def test_the_shipped_schema_is_what_the_model_gives() -> None:
    shipped = (MAPPINGS / FILE).read_text()
    assert shipped == schema_text(RULES), "run `receiver schema > mappings/mapping.schema.json`"


def test_the_shipped_schema_of_prices_is_what_the_model_gives_and_what_is_shipped_fits() -> None:
    shipped = (MAPPINGS / AGENTS_SCHEMA_FILE).read_text()
    assert shipped == agents_schema_text(), "run `receiver schema --agents > mappings/agents…`"
    jsonschema.Draft202012Validator.check_schema(agents_schema())
    for file in (MAPPINGS / "agents.yaml", MAPPINGS / "library" / "agents.yaml"):
        data = yamlfile.parse(file.read_bytes(), file=file.name).data
        jsonschema.validate(data, agents_schema())
        data["agents"]["sales-agent"]["indicators"]["deal-won"] = {"price": 450, "currency": "USD"}
        assert not jsonschema.Draft202012Validator(agents_schema()).is_valid(data)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(mapping_schema(RULES))


@pytest.mark.parametrize("file", ["zendesk", "hubspot", "github", "approvals"])
def test_the_shipped_mappings_fit_it(file: str) -> None:
    read = yamlfile.parse((MAPPINGS / f"{file}.yaml").read_bytes(), file=file)
    jsonschema.validate(read.data, mapping_schema(RULES))


def validity(text: str) -> bool:
    data = yamlfile.parse(text.encode(), file="x").data
    return bool(jsonschema.Draft202012Validator(SCHEMA).is_valid(data))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (MAPPING, True),
        (rule(once_per="['${{ event.a }}', b]", meta_tags="{a: 1, b: true}"), True),
        (MAPPING.replace("outcomes:", "outcome:"), False),
        (MAPPING.replace("agent:", "agnt:"), False),
        (MAPPING.replace("scheme: signing", "scheme: sining"), False),
        (MAPPING.replace("scheme: signing", "scheme: signing, size: 5"), True),
        (MAPPING.replace("scheme: signing", "scheme: signing, size: 50"), False),
        (MAPPING.replace("scheme: signing", "scheme: signing, sise: 5"), False),
        (MAPPING.replace("outcomes:", "mode: life\noutcomes:", 1), False),
        (MAPPING.replace("outcomes:", "let: {event: payload}\noutcomes:", 1), False),
        (MAPPING.replace("source: desk\n", ""), False),
        (rule(when="true"), False),
    ],
)
def test_editors_are_told_what_loading_would_say(text: str, *, fits: bool) -> None:
    assert validity(text) is fits


def test_the_schema_describes_every_key_of_a_rule() -> None:
    keys = SCHEMA["$defs"]["RuleModel"]["properties"]
    assert all("description" in part for part in keys.values())


def test_the_schemas_text_is_the_same_each_time() -> None:
    assert schema_text(RULES) == schema_text(RULES)
    assert json.loads(schema_text(RULES)) == mapping_schema(RULES)
