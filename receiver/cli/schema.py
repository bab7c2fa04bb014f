"""Print the JSON Schema of mapping files, for editors."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mappings.engine.tooling.schema import agents_schema_text, schema_text
from receiver.signatures import RULES

EXAMPLES = ("receiver schema", "receiver schema > mappings/mapping.schema.json")


def schema(
    agents: Annotated[
        bool, typer.Option("--agents", help="The schema of agents.yaml instead.")
    ] = False,
) -> None:
    """Print the schema of mapping files, or of `agents.yaml`."""
    sys.stdout.write(agents_schema_text() if agents else schema_text(RULES))
