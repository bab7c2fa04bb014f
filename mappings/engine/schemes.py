"""What the mapping language asks about signature schemes without knowing any.

Owns: the protocol alone; `receiver.signatures` answers it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from mappings.engine.payload import BodyRules

#: Path inside the verify block, what is wrong there, what to write instead.
SchemeFault = tuple[tuple[str | int, ...], str, str]


class SchemeRules(Protocol):
    """What may stand in a verify block, except `secrets`, which the mapping language checks."""

    def problems(self, verify: Mapping[str, object]) -> Sequence[SchemeFault]:
        """Everything wrong in a verify block."""
        ...

    def signs_delivery_id(self, verify: Mapping[str, object]) -> bool:
        """Whether the signature covers the vendor's delivery id."""
        ...

    def body_rules(self, verify: Mapping[str, object]) -> BodyRules | None:
        """How bodies are read; None while the block is wrong."""
        ...

    def secret_members(self, verify: Mapping[str, object]) -> Sequence[str]:
        """Where in the body the scheme shows the secret itself, as paths of `redact`."""
        ...

    def names(self) -> Sequence[str]:
        """All names that `scheme:` may take."""
        ...

    def knobs_schema(self) -> dict[str, object]:
        """JSON Schema properties of a verify block, for editors."""
        ...
