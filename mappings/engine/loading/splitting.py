"""New rules that look like a part of a rule that has billed.

Owns what is warned of at an edit, and allowed: `check`, `receiver doctor` and /readyz show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mappings.engine.loading.rekeying import File, RuleNow, rules_of
from mappings.engine.rules.billed import History, Past, past_of
from mappings.engine.types import Problem


def of_new_rules(history: History, files: Sequence[File]) -> Iterator[Problem]:
    """Charge rules that have not billed, and whose `once_per` is that of one which has."""
    past = past_of(history)
    billed = {(one.source, one.rule) for one in history.billed}
    for now in rules_of(files):
        if not now.is_charge or now.rule.rekeyed or (now.source, now.rule.name) in billed:
            continue
        if not any(now.source in one.homes and now.names & one.names for one in past):
            yield from _look_alike(now, [one for one in past if one.source == now.source])


def _look_alike(now: RuleNow, past: Sequence[Past]) -> Iterator[Problem]:
    for one in past:
        old = one.latest
        is_new = any(
            now.rule.name not in {rule.name for rule in was.model.outcomes} for was in one.rules
        )
        alike = (old.form.values, old.form.behind) == (now.form.values, now.form.behind)
        if is_new and alike and old.form.head != now.form.head:
            yield now.problem(
                f"`{now.rule.name}` is new, and its once_per is that of `{old.rule.name}`, which"
                " has billed: what that has billed, this bills again.",
                f"If it is a part of `{old.rule.name}`, write `was: [{one.key_name}]` in it, so"
                " that both bill once together; if each shall bill, write `rekeyed: true`.",
                "once_per",
            )
            return
