"""`schema`: what editors complete and check mapping files by."""

from __future__ import annotations

import sys

from mappings.engine.schema import schema_text
from receiver.signatures import RULES


def schema() -> None:
    """The JSON Schema on stdout."""
    sys.stdout.write(schema_text(RULES))
