"""What a rule's key is made of, as written: its `once_per`, and each `let` behind it.

Owns that walk. Refuses to evaluate or to judge.
"""

from __future__ import annotations

from collections.abc import Mapping

from mappings.cel import text as celtext
from mappings.cel.template import expressions
from mappings.rules.model import RuleModel


def values_of(rule: RuleModel) -> list[str]:
    """The texts of `once_per`; none where the rule has none, as a reversal."""
    once_per = rule.once_per or []
    return [once_per] if isinstance(once_per, str) else once_per


def lets_behind(rule: RuleModel, lets: Mapping[str, str]) -> dict[str, str]:
    """Those of the `let` expressions that its `once_per` needs, also by way of others."""
    waiting = [text for value in values_of(rule) for text in expressions(value)]
    needed: dict[str, str] = {}
    while waiting:
        for name in celtext.names(waiting.pop()) & lets.keys() - needed.keys():
            needed[name] = lets[name]
            waiting.append(lets[name])
    return needed
