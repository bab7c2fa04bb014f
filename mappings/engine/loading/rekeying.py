"""Edits that would make a rule bill again what it has billed, or never take it back.

Owns: comparing what the keys of a rule that has billed were made of with what they would be made
of now, for the rule and for those that reverse it. Refuses: to guess; tables that a `once_per`
looks into are not followed, and a dry run shows what they change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from mappings.engine.reading.positions import Path, Positions
from mappings.engine.rules.billed import BilledRule, History, Past, sources_in
from mappings.engine.rules.dependencies import KeyForm, form_of, key_name
from mappings.engine.rules.model import MappingModel, RuleModel
from mappings.engine.types import FileProblem, Kind

_PUT_BACK = "put it back, or write `rekeyed: true` in the rule if that is meant."
_KEYS = f"It would bill again what it has billed: {_PUT_BACK}"
_TIMES = f"What was taken back would be owed by another order: {_PUT_BACK}"
_REVERSALS = f"It would no longer find what has billed: {_PUT_BACK}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedFile:
    """A mapping file that is to run."""

    name: str
    model: MappingModel
    positions: Positions


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a file must not run as it is; `source` is whose rule has billed.

    `bills_again`: it would; else what has billed lost its rule, which costs nothing as long as
    the last good version goes on.
    """

    problem: FileProblem
    source: str
    bills_again: bool


@dataclass(frozen=True, kw_only=True)
class EditedRule:
    """A rule as it would be after the edit; `path` leads to it in its file."""

    file: EditedFile
    source: str
    rule: RuleModel
    path: Path

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.rule.name, *self.rule.was})

    @property
    def is_charge(self) -> bool:
        return self.rule.acts_on is None

    @cached_property
    def charge(self) -> RuleModel:
        """The rule whose keys it shares: itself, or the one that it reverses."""
        of = self.rule.acts_on
        return next((rule for rule in self.file.model.outcomes if rule.name == of), self.rule)

    @cached_property
    def form(self) -> KeyForm:
        return form_of(self.file.model, self.source, self.rule, self.charge)

    def problem(self, message: str, remedy: str, key: str | None = None) -> FileProblem:
        path = self.path if key is None else (*self.path, key)
        place = self.file.positions.value(path)
        return FileProblem.at(self.file.name, place, message, remedy)


@dataclass(frozen=True)
class Edit:
    """The rules of edited files, judged by what has billed."""

    history: History
    files: Sequence[EditedFile]

    @cached_property
    def rules(self) -> list[EditedRule]:
        """Every rule of the files, once for each source."""
        return [
            EditedRule(file=file, source=source, rule=rule, path=("outcomes", index))
            for file in self.files
            for source in sources_in(file.model)
            for index, rule in enumerate(file.model.outcomes)
        ]

    def refusals(self) -> list[Refusal]:
        """What forbids running these files after these rules have billed."""
        found = [refusal for past in self.history.past for refusal in self._refusals_of(past)]
        return list(dict.fromkeys(found))

    def _refusals_of(self, past: Past) -> Iterator[Refusal]:
        heirs = [rule for rule in self.heirs_of(past) if rule.source in past.homes]
        if not heirs:
            yield from self._without_heirs(past)
            return
        changed = [
            Refusal(problem=problem, source=past.source, bills_again=True)
            for heir in heirs
            if (problem := _changed(past, heir)) is not None
        ]
        changed += self._renamed(past, heirs)
        yield from changed
        if not changed:
            yield from self._reversals(past, heirs)

    def _renamed(self, past: Past, heirs: Sequence[EditedRule]) -> Iterator[Refusal]:
        """New rules with the once_per of one that is gone, where others carry on the same keys."""
        in_force = [
            rule
            for home in past.homes & self.history.sources.keys()
            for rule in self.history.sources[home][1].outcomes
        ]
        before = {rule.name: frozenset({rule.name, *rule.was}) for rule in in_force}
        taken = {
            name for heir in heirs for name in heir.names - before.get(heir.rule.name, frozenset())
        }
        names = {name for name, of in before.items() if of & past.names}
        gone = names - {heir.rule.name for heir in heirs} - taken
        known = before.keys() | past.names
        for rule in self.rules if gone else ():
            is_new = rule.source in past.homes and not rule.names & known and not rule.rule.rekeyed
            if is_new and rule.is_charge and rule.form.body == past.reference.form.body:
                problem = _renamed_without_was(past, rule, min(gone))
                yield Refusal(problem=problem, source=past.source, bills_again=True)

    def heirs_of(self, past: Past) -> list[EditedRule]:
        """The charge rules that carry its keys on: at its source, or where that was renamed to."""
        charges = [rule for rule in self.rules if rule.is_charge and past.names & rule.names]
        at_home = [rule for rule in charges if rule.source in past.homes]
        if at_home or any(self._has(source) for source in past.homes):
            return at_home
        return [
            rule
            for rule in charges
            if rule.source not in self._known_sources or rule.file.name == past.file
        ]

    def _without_heirs(self, past: Past) -> Iterator[Refusal]:
        scope = past.latest.rule.scope
        if scope is not None and any(
            rule.is_charge and past.names & rule.names and rule.rule.scope == scope
            for rule in self.rules
        ):
            return  # a scope's keys name neither source nor rule
        renamed = self.heirs_of(past)
        if any(rule.rule.rekeyed or past.allows(rule.form) for rule in renamed):
            return
        if renamed:
            name = past.latest.rule.name
            message = f"Rule `{name}` has billed under source `{past.source}`, which was renamed."
            problem = renamed[0].problem(message, _KEYS, "name")
            yield Refusal(problem=problem, source=past.source, bills_again=True)
            return
        home = next((rule.file.name for rule in self.rules if rule.source in past.homes), None)
        if home is None and self.history.texts and past.source not in self.history.sources:
            return  # it was gone before, and this edit changes nothing about it
        problem = _gone_source(past) if home is None else _gone_rule(past, home)
        yield Refusal(problem=problem, source=past.source, bills_again=False)

    def _reversals(self, past: Past, heirs: Sequence[EditedRule]) -> Iterator[Refusal]:
        """Each rule that reversed what has billed must still find it."""
        heirs_names = {heir.rule.name for heir in heirs}
        rekeyed = any(heir.rule.rekeyed for heir in heirs)
        for name, olds in past.reversals(self.history, heirs[0].form).items():
            now = self.reversals_of(past, frozenset({name}).union(*(o.rule.was for o in olds)))
            problems = [
                lost(past, olds, rule, heirs_names)
                for rule in now
                if not (rekeyed or rule.rule.rekeyed)
            ]
            if not now:
                problems = [_gone_reversal(past, name, olds, heirs[0].file.name)]
            for problem in [one for one in problems if one is not None][:1]:
                yield Refusal(problem=problem, source=past.source, bills_again=False)

    def reversals_of(self, past: Past, names: frozenset[str]) -> list[EditedRule]:
        """The rules that go by one of these names now, and take back what has billed."""
        return [
            rule
            for rule in self.rules
            if rule.source in past.homes and not rule.is_charge and names & rule.names
        ]

    def _has(self, source: str) -> bool:
        return any(rule.source == source for rule in self.rules)

    @cached_property
    def _known_sources(self) -> frozenset[str]:
        """The sources that are no new name of another one."""
        billed = {billed.source for billed in self.history.billed}
        return frozenset(billed | self.history.sources.keys())


def _changed(past: Past, heir: EditedRule) -> FileProblem | None:
    """Why the keys of the rule would be others than those that have billed."""
    if heir.rule.rekeyed or past.allows(heir.form):
        return None
    old = past.reference
    name = f"`{heir.rule.name}`, which has billed"
    since = ", since `rekeyed: true`," if old.form.digest == past.declared else ""
    if old.rule.scope != heir.rule.scope:
        was = f"`{old.rule.scope}`" if old.rule.scope else "none"
        return heir.problem(f"The scope of {name}, was{since} {was}.", _KEYS, "scope")
    if old.rule.scope is None and past.key_name != key_name(heir.rule):
        message = f"The keys of {name}, are named `{past.key_name}`."
        return heir.problem(message, f"Let `was` begin with `{past.key_name}`.", "was")
    return _other_keys(old, heir, f"{name}, was{since}", _KEYS)


def lost(
    past: Past, olds: Sequence[BilledRule], now: EditedRule, charges: set[str]
) -> FileProblem | None:
    """Why the reversal would no longer find what has billed."""
    name = f"`{now.rule.name}`"
    if now.rule.acts_on not in charges:
        past_action = "took back" if now.rule.kind is Kind.REVERSAL else "brought back"
        message = (
            f"{name} {past_action} what `{past.latest.rule.name}` has billed, and no longer does."
        )
        key = "reverses" if now.rule.kind is Kind.REVERSAL else "reinstates"
        remedy = f"Let it name `{min(charges)}` again, or write `rekeyed: true` in it."
        return now.problem(message, remedy, key)
    if not olds or any(old.form.body == now.form.body for old in olds):
        return None
    old = olds[0]
    whose = f"{name}, which {_action(old.rule)} what `{past.latest.rule.name}` has billed,"
    return _other_keys(old, now, f"{whose} was", _REVERSALS)


def _other_keys(old: BilledRule, now: EditedRule, whose: str, remedy: str) -> FileProblem:
    """What of the keys differs: the values, what these use, or else the time."""
    if old.form.values != now.form.values:
        was = ", ".join(f"`{value}`" for value in old.form.values)
        return now.problem(f"The once_per of {whose} {was}.", remedy, "once_per")
    before, after = dict(old.form.dependencies), dict(now.form.dependencies)
    for used in sorted(before.keys() | after.keys()):
        if before.get(used) != after.get(used):
            was = f"`{before.get(used, 'not there')}`"
            message = f"`{used}`, used by the once_per of {whose} {was}."
            return now.problem(message, remedy, "once_per")
    was = f"`{old.rule.occurred_at}`" if old.rule.occurred_at else "not mapped"
    return now.problem(f"The occurred_at of {whose} {was}.", _TIMES, "occurred_at")


def _gone_rule(past: Past, file: str) -> FileProblem:
    name = past.latest.rule.name
    message = f"Rule `{name}` of source `{past.source}` has billed and is gone."
    remedy = (
        f"If it was renamed, write `was: [{past.key_name}]` in the rule that it is now;"
        ' if it must no longer bill, keep it with `when: "false"`.'
    )
    return FileProblem.at(file, None, message, remedy)


def _renamed_without_was(past: Past, now: EditedRule, gone: str) -> FileProblem:
    message = f"`{now.rule.name}` is new, and its once_per is that of `{gone}`, which is gone."
    remedy = (
        f"If it was renamed, write `was: [{past.key_name}]` in it; with other keys it would bill"
        " again what has billed: if each is meant to bill, write `rekeyed: true`."
    )
    return now.problem(message, remedy, "name")


def _gone_reversal(past: Past, name: str, olds: Sequence[BilledRule], file: str) -> FileProblem:
    charge = past.latest.rule.name
    action = _action(olds[0].rule) if olds else "takes back"
    message = (
        f"Rule `{name}` of source `{past.source}`, which {action} what `{charge}` has billed,"
        " is gone."
    )
    remedy = (
        f"Put it back; if it was renamed, write `was: [{name}]` in the rule that it is now;"
        ' if it must no longer do so, keep it with `when: "false"`.'
    )
    return FileProblem.at(file, None, message, remedy)


def _action(rule: RuleModel) -> str:
    return "brings back" if rule.kind is Kind.REINSTATEMENT else "takes back"


def _gone_source(past: Past) -> FileProblem:
    message = f"Source `{past.source}` has billed and is gone."
    remedy = 'Put it back; if it must no longer bill, keep its rules with `when: "false"`.'
    return FileProblem.at(past.file, None, message, remedy)
