"""`schema`: what editors complete and check mapping files by."""

from __future__ import annotations

import sys

from mappings.engine.tooling.schema import agents_schema_text, schema_text
from receiver.signatures import RULES


def schema(*, agents: bool) -> None:
    """The JSON Schema on stdout: of mapping files, or of `agents.yaml`."""
    sys.stdout.write(agents_schema_text() if agents else schema_text(RULES))
