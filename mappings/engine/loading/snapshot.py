"""A compiled file to what a set has of it: sources and programs.

Owns: that translation. Refuses: files with problems; they never get here.
"""

from __future__ import annotations

from types import MappingProxyType
from zoneinfo import ZoneInfo

from mappings.engine.cel.demand import demand_of
from mappings.engine.cel.language import Language
from mappings.engine.loading.mapping_set import Source
from mappings.engine.redact.redactor import redactor_of
from mappings.engine.rules.compiledfile import CompiledFile
from mappings.engine.rules.interval import parse_interval
from mappings.engine.rules.program import Program
from mappings.engine.rules.secrets import ends_of, secret_names


def sources_of(compiled: CompiledFile, zone: ZoneInfo) -> list[Source]:
    """The sources of a file that runs; secrets end with a day of `zone`."""
    if compiled.model is None:
        return []
    return [
        Source(
            name=item.name,
            file=compiled.file,
            mode=compiled.model.mode,
            verify=MappingProxyType(dict(compiled.verify)),
            secrets=secret_names(item.secrets),
            secret_ends=MappingProxyType(ends_of(item.secrets, zone)),
            vars=MappingProxyType({**compiled.model.vars, **item.vars}),
            mapping_version=compiled.version,
            rules=compiled.rules,
            expect_every=parse_interval(item.expect_every or compiled.model.expect_every or ""),
            redact=tuple(map(str, compiled.redact)),
            redactor=redactor_of(compiled.redact, compiled.body_rules),
        )
        for item in compiled.items()
    ]


def programs_of(compiled: CompiledFile, language: Language) -> dict[str, Program]:
    """What to do with a delivery, by source."""
    if compiled.model is None or compiled.events is None:
        return {}
    used = (expression for rule in compiled.rules for expression in rule.expressions())
    demand = demand_of((compiled.events, *used))
    return {
        item.name: Program(
            language=language,
            events=compiled.events,
            lets=compiled.lets,
            rules=compiled.rules,
            variables={**compiled.model.vars, **item.vars},
            shadow=compiled.model.mode == "shadow",
            mapping_version=compiled.version,
            demand=demand,
            body_rules=compiled.body_rules,
        )
        for item in compiled.items()
    }
