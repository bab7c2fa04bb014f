"""What a rule's key depends on, as written: its `once_per`, and what that uses.

Owns: the form of a key; two rules of one form give one event the same key. Refuses: to evaluate
or to judge; tables that a `once_per` looks into are not followed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass

from mappings.engine.cel import text as celtext
from mappings.engine.cel.template import expressions, spaced
from mappings.engine.rules.model import MappingModel, RuleModel

Variables = Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyForm:
    """All that the keys of a rule depend on.

    `head` is what keys begin with: source and key name, or the scope and "". `values` are the
    texts of `once_per`, equal however they are spaced; `dependencies` are the expressions and
    values that these use, by name. `is_timed`: the rule maps `occurred_at`, which orders a key's
    outcomes.
    """

    head: tuple[str, str]
    values: tuple[str, ...]
    dependencies: tuple[tuple[str, str], ...]
    is_timed: bool

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()

    @property
    def body(self) -> tuple[object, ...]:
        """The form without its head: what a rule shares with its reversal."""
        return (self.values, self.dependencies, self.is_timed)


def key_name(charge: RuleModel) -> str:
    """The name in a charge's key: the first in `was`."""
    return charge.was[0] if charge.was else charge.name


def values_of(rule: RuleModel) -> list[str]:
    """The texts of `once_per`; none where the rule has none."""
    once_per = rule.once_per or []
    return [once_per] if isinstance(once_per, str) else once_per


def let_dependencies(rule: RuleModel, lets: Mapping[str, str]) -> dict[str, str]:
    """Those of the `let` expressions that its `once_per` needs, also by way of others."""
    waiting = [text for value in values_of(rule) for text in expressions(value)]
    needed: dict[str, str] = {}
    while waiting:
        for name in celtext.names(waiting.pop()) & lets.keys() - needed.keys():
            needed[name] = lets[name]
            waiting.append(lets[name])
    return needed


def form_of(model: MappingModel, source: str, rule: RuleModel, charge: RuleModel) -> KeyForm:
    """The form of the keys of `rule`, which are those of `charge`, under one source of the file."""
    lets = let_dependencies(rule, model.let)
    dependencies = {name: celtext.spaced(text) for name, text in lets.items()} | {
        "events": celtext.spaced(model.events)
    }
    texts = [*_expressions(rule, lets), model.events]
    for name, value in variables_in(texts, variables_of(model, source)).items():
        dependencies[f"vars.{name}"] = json.dumps(value)
    if names_source(texts):
        dependencies["source"] = source
    return KeyForm(
        head=(charge.scope, "") if charge.scope else (source, key_name(charge)),
        values=tuple(spaced(value) for value in values_of(rule)),
        dependencies=tuple(sorted(dependencies.items())),
        is_timed=rule.occurred_at is not None,
    )


def account_in(
    model: MappingModel, source: str, rule: RuleModel
) -> tuple[str, Mapping[str, object]]:
    """What of its account a key holds: the source's name or "", and the `vars` that it uses."""
    texts = _expressions(rule, let_dependencies(rule, model.let))
    used = variables_in(texts, variables_of(model, source))
    return (source if names_source(texts) else "", used)


def variables_of(model: MappingModel, source: str) -> Variables:
    """The `vars` of a source: the file's, and over them its own."""
    own = next((one.vars for one in model.sources or () if one.name == source), {})
    return {**model.vars, **own}


def variables_in(texts: Iterable[str], known: Variables) -> dict[str, str | int | bool]:
    """Those of the `vars` that these expressions use: all, where one is not written out."""
    used: set[str] = set()
    for text in texts:
        if "vars" not in celtext.names(text):
            continue
        members = [name for name, _ in celtext.members(text, "vars")]
        used.update(members)
        if sum(token.text == "vars" for token in celtext.tokens(text)) > len(members):
            used.update(known)
    return {name: known[name] for name in sorted(used & known.keys())}


def names_source(texts: Iterable[str]) -> bool:
    """Whether an expression uses `source`."""
    return any("source" in celtext.names(text) for text in texts)


def _expressions(rule: RuleModel, lets: Mapping[str, str]) -> list[str]:
    own = [text for value in values_of(rule) for text in expressions(value)]
    return [*own, *lets.values()]
