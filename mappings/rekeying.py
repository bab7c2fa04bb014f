"""Edits that would make a rule bill again what it has billed.

Owns the comparison of what a rule's key was made of when it last billed with what it would be
made of now: source, scope, `once_per`, each `let` behind it, and `events`. Refuses to guess: tables
and `vars` behind a `once_per` are not followed; a dry run shows what they change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mappings.load import is_mapping
from mappings.reading import yamlfile
from mappings.reading.positions import Mark, Path, Positions
from mappings.reading.validation import validate
from mappings.rules.behind import lets_behind, values_of
from mappings.rules.model import MappingModel, RuleModel
from mappings.types import Problem

_KEYS = (
    "It would bill again what it has billed: put it back,"
    " or write `rekeyed: true` in the rule if that is meant."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """A rule that has charged: of which source, and its file's name and text when it last did."""

    source: str
    rule: str
    file: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A charge rule as a source has it now; `path` leads to it in its file."""

    source: str
    rule: RuleModel
    lets: Mapping[str, str]
    events: str
    file: str
    path: Path
    positions: Positions

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.rule.name, *self.rule.was})

    def problem(self, message: str, remedy: str, key: str | None = None) -> Problem:
        path = self.path if key is None else (*self.path, key)
        return _problem(self.file, self.positions.value(path), message, remedy)


def refused_changes(billed: Iterable[Billed], files: Mapping[str, bytes]) -> list[Problem]:
    """What forbids taking these files into use after these rules have billed.

    `files` are those of the mappings folder, by name. Files with problems of their own are left
    out, and so are the sources that only they might hold.
    """
    now, whole = _rules_of(files)
    found: list[Problem] = []
    for one in billed:
        model = _old_model(one)
        old = (
            next((rule for rule in model.outcomes if rule.name == one.rule), None)
            if model
            else None
        )
        if model is None or old is None:
            continue
        problem = _judge(one, old, model, now)
        gone = not any(rule.source == one.source for rule in now)
        if problem is not None and (whole or not gone):
            found.append(problem)
    return sorted(set(found))


def _judge(one: Billed, old: RuleModel, model: MappingModel, now: list[_Found]) -> Problem | None:
    heirs = [rule for rule in now if {old.name, _key_name(old)} & rule.names]
    at_home = [rule for rule in heirs if rule.source == one.source]
    if at_home:
        return _changed(old, model, at_home[0])
    if old.scope is not None and any(rule.rule.scope == old.scope for rule in heirs):
        return None  # a scope's keys name neither source nor rule
    if any(rule.rule.rekeyed for rule in heirs):
        return None
    if heirs:
        message = f"Rule `{old.name}` has billed under source `{one.source}`, which was renamed."
        return heirs[0].problem(message, _KEYS, "name")
    message = f"Rule `{old.name}` of source `{one.source}` has billed and is gone."
    remedy = (
        f"If it was renamed, write `was: [{_key_name(old)}]` in the rule that it is now;"
        ' if it shall bill no more, keep it with `when: "false"`.'
    )
    home = next((rule.file for rule in now if rule.source == one.source), one.file)
    return _problem(home, Mark(0, 0), message, remedy)


def _changed(old: RuleModel, model: MappingModel, new: _Found) -> Problem | None:
    rule = new.rule
    if rule.rekeyed:
        return None
    if old.scope != rule.scope:
        was = f"`{old.scope}`" if old.scope else "none"
        return new.problem(
            f"The scope of `{rule.name}`, which has billed, was {was}.", _KEYS, "scope"
        )
    if old.scope is None and _key_name(old) != _key_name(rule):
        message = f"The keys of `{rule.name}`, which has billed, are named `{_key_name(old)}`."
        return new.problem(message, f"Let `was` begin with `{_key_name(old)}`.", "was")
    if values_of(old) != values_of(rule):
        was = ", ".join(f"`{value}`" for value in values_of(old))
        message = f"The once_per of `{rule.name}`, which has billed, was {was}."
        return new.problem(message, _KEYS, "once_per")
    for name, was in _changed_behind(old, model, new):
        message = f"`{name}`, behind the once_per of `{rule.name}`, which has billed, was `{was}`."
        return new.problem(message, _KEYS, "once_per")
    return None


def _changed_behind(old: RuleModel, model: MappingModel, new: _Found) -> Iterator[tuple[str, str]]:
    """The expressions that the keys rest on and that are others now: name, and what it was."""
    before, after = lets_behind(old, model.let), lets_behind(new.rule, new.lets)
    for name in sorted(before.keys() | after.keys()):
        was = _spaced(before.get(name, "not there"))
        if was != _spaced(after.get(name, "not there")):
            yield name, was
    if _spaced(model.events) != _spaced(new.events):
        yield "events", model.events


def _key_name(rule: RuleModel) -> str:
    return rule.was[0] if rule.was else rule.name


def _spaced(expression: str) -> str:
    return " ".join(expression.split())


def _old_model(one: Billed) -> MappingModel | None:
    """The file as it billed; None where its text cannot be read any more."""
    parsed = yamlfile.parse(one.text.encode(), file=one.file)
    model = validate(MappingModel, parsed.data, file=one.file, positions=parsed.positions)
    return None if isinstance(model, tuple) else model


def _rules_of(files: Mapping[str, bytes]) -> tuple[list[_Found], bool]:
    """The charge rules of all good files, once a source; and whether all files are good."""
    found: list[_Found] = []
    whole = True
    for name, body in sorted(files.items()):
        if not is_mapping(name):
            continue
        parsed = yamlfile.parse(body, file=name)
        model = validate(MappingModel, parsed.data, file=name, positions=parsed.positions)
        if parsed.problems or isinstance(model, tuple):
            whole = False
            continue
        found += _of_file(model, name, parsed.positions)
    return found, whole


def _of_file(model: MappingModel, file: str, positions: Positions) -> Iterator[_Found]:
    sources = [model.source] if model.source else [one.name for one in model.sources or ()]
    for source in sources:
        for index, rule in enumerate(model.outcomes):
            if rule.acts_on is None:
                path = ("outcomes", index)
                yield _Found(
                    source=source,
                    rule=rule,
                    lets=model.let,
                    events=model.events,
                    file=file,
                    path=path,
                    positions=positions,
                )


def _problem(file: str, place: Mark, message: str, remedy: str) -> Problem:
    return Problem(file=file, line=place.line, column=place.column, message=message, remedy=remedy)
