"""What a compiled file becomes in a set: sources, their rules' keys, programs.

Owns: that translation alone. Refuses: files with problems; they never get here.
"""

from __future__ import annotations

import json
from types import MappingProxyType

from mappings.cel.language import Language
from mappings.mappingset import RuleInfo, Source
from mappings.rules.filecompiler import CompiledFile
from mappings.rules.program import Program
from mappings.rules.rulecompiler import key_rule
from mappings.types import Kind


def sources_of(one: CompiledFile) -> list[Source]:
    """The sources of a file that runs."""
    if one.model is None:
        return []
    return [
        Source(
            name=item.name,
            file=one.file,
            mode=one.model.mode,
            verify=MappingProxyType(dict(one.verify)),
            secrets=tuple(item.secrets),
            vars=MappingProxyType({**one.model.vars, **item.vars}),
            mapping_version=one.version,
            rules=_rule_infos(one),
        )
        for item in one.items()
    ]


def _rule_infos(one: CompiledFile) -> tuple[RuleInfo, ...]:
    models = {model.name: model for _, model in one.rule_models}
    infos = []
    for model in models.values():
        charge = models[model.reverses] if model.reverses else model
        once_per = model.once_per
        if not isinstance(once_per, str):
            once_per = json.dumps(once_per, ensure_ascii=False)
        infos.append(
            RuleInfo(
                name=model.name,
                kind=Kind.REVERSAL if model.reverses else Kind.CHARGE,
                key_names=tuple(dict.fromkeys((*model.was, model.name))),
                key_rule=key_rule(charge),
                scope=charge.scope,
                once_per=once_per,
                reverses=model.reverses,
                rekeyed=model.rekeyed,
            )
        )
    return tuple(infos)


def programs_of(one: CompiledFile, language: Language) -> dict[str, Program]:
    """What to do with a delivery, by source."""
    if one.model is None or one.events is None:
        return {}
    return {
        source.name: Program(
            language=language,
            events=one.events,
            lets=one.lets,
            rules=one.rules,
            variables=dict(source.vars),
            shadow=one.model.mode == "shadow",
            mapping_version=one.version,
        )
        for source in sources_of(one)
    }
