"""All mappings at one moment, immutable: what every source bills, and by which versions.

Owns: the snapshot that a delivery is mapped with from its first byte to its last outcome.
Refuses: to change; a reload makes another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from mappings.engine.pricing.catalogue import Catalogue
from mappings.engine.reading.tables import Table
from mappings.engine.reasons import Reason
from mappings.engine.redact.redactor import Redactor
from mappings.engine.rules.billed import Rekeying
from mappings.engine.rules.evaluate import Rule
from mappings.engine.rules.program import Program
from mappings.engine.types import DeliveryInput, Failure, FileProblem, Mapped, VersionText


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who posts: how it proves itself (`verify` as written) and what it bills.

    `secrets` are names; `secret_ends` has, by name, the moment from which one is refused.
    `expect_every` is the longest silence that is normal, None where none is unusual.
    `redact` are the paths of what is taken out before it is stored, `redactor` does that; None
    where nothing is.
    """

    name: str
    file: str
    mode: str
    verify: Mapping[str, Any]
    secrets: tuple[str, ...]
    vars: Mapping[str, str | int | bool]
    mapping_version: str
    rules: tuple[Rule, ...]
    secret_ends: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    expect_every: timedelta | None = None
    redact: tuple[str, ...] = ()
    redactor: Redactor | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingSet:
    """A loaded set.

    `good` are the texts of this load that are good, by file; `stale` the files that are served
    from their last good text instead; `unusable` the sources that cannot be served at all.
    `versions` are the texts behind every version that `map` can name. `warnings` stop nothing.
    `digest` is the version of the whole set, `mapping_version` in the API and the command line:
    processes that bill alike have the same. `rekeyings` are the forms of keys that count as
    declared once the set is in force.
    """

    sources: Mapping[str, Source]
    problems: tuple[FileProblem, ...]
    unusable: frozenset[str]
    good: Mapping[str, bytes]
    stale: frozenset[str]
    catalogue: Catalogue | None
    tables: Mapping[str, Table]
    versions: Mapping[str, VersionText]
    programs: Mapping[str, Program] = field(repr=False)
    digest: str = field(init=False)
    warnings: tuple[FileProblem, ...] = ()
    rekeyings: Mapping[tuple[str, str], Rekeying] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def __post_init__(self) -> None:
        served = sorted((source.name, source.mapping_version) for source in self.sources.values())
        parts = json.dumps([served, sorted(self.versions)])
        object.__setattr__(self, "digest", hashlib.sha256(parts.encode()).hexdigest()[:12])

    def map(self, delivery: DeliveryInput) -> Mapped:
        """What the delivery bills, or why it cannot be mapped. Never raises for its content."""
        program = self.programs.get(delivery.source)
        if program is None:
            detail = (
                f"There is no usable mapping file for the source {delivery.source}; "
                "`receiver check` shows what is wrong."
            )
            failure = Failure(reason=Reason.MAPPING, detail=detail)
            return Mapped(outcomes=(), failures=(failure,), events=0)
        return program.run(delivery, self.catalogue)

    def redacted(self, delivery: DeliveryInput) -> DeliveryInput:
        """The delivery as it is stored. Raises NotRedactable where it would be refused."""
        source = self.sources.get(delivery.source)
        if source is None or source.redactor is None:
            return delivery
        found = source.redactor.apply(delivery.body, delivery.headers)
        return replace(delivery, body=found.body, headers=found.headers, redacted=found.count)


EMPTY: Mapping[str, bytes] = MappingProxyType({})
