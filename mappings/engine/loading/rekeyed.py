"""What `rekeyed: true` means, and the warnings of an edit that stop nothing.

Owns: which keys count as declared, which charges a declaration leaves behind, and new rules that
look like a part of one that has billed. Refuses: to forbid an edit, which `rekeying.py` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mappings.engine.loading.rekeying import Edit, EditedFile, EditedRule, lost
from mappings.engine.reading import yamlfile
from mappings.engine.rules.billed import History, Past, Rekeying, read_model
from mappings.engine.rules.dependencies import KeyForm, form_of
from mappings.engine.types import FileProblem


def rekeyings_after(edit: Edit) -> dict[tuple[str, str], Rekeying]:
    """Which forms of keys count as declared once these files are in force.

    A form is declared by `rekeyed: true`, and stays declared without it. Putting an older form
    back before the declared one has billed withdraws it.
    """
    declared = dict(edit.history.rekeyings)
    for past in edit.history.past:
        for heir in edit.heirs_of(past):
            if not past.allows(heir.form) and heir.rule.rekeyed:
                declared[past.key] = Rekeying(form=heir.form.digest, source=heir.source)
            elif past.declared is not None and heir.form.digest != past.declared:
                declared.pop(past.key, None)
    return declared


def warnings_of(edit: Edit) -> Iterator[FileProblem]:
    """Declarations that have done their work, and new rules whose keys are those of another."""
    billed = {(rule.source, rule.rule) for rule in edit.history.billed}
    for rule in edit.rules:
        if not rule.is_charge:
            continue
        known = [past for past in edit.history.past if _is_of(rule, past)]
        if rule.rule.rekeyed:
            yield from _leftover(rule, known)
        elif not known and (rule.source, rule.rule.name) not in billed:
            yield from _look_alike(
                rule, [past for past in edit.history.past if past.source == rule.source]
            )


def _is_of(rule: EditedRule, past: Past) -> bool:
    return rule.source in past.homes and not rule.names.isdisjoint(past.names)


def _leftover(rule: EditedRule, known: Sequence[Past]) -> Iterator[FileProblem]:
    """A rule that has billed by the keys that it declares, and still declares them."""
    if any(rule.form.digest in past.digests and past.allows(rule.form) for past in known):
        yield rule.problem(
            f"`{rule.rule.name}` has billed by its present keys, and `rekeyed: true` is still"
            " here.",
            "Remove it: with it the next edit of the keys is not refused.",
            "rekeyed",
        )


def _look_alike(rule: EditedRule, known: Sequence[Past]) -> Iterator[FileProblem]:
    """A new rule whose `once_per` is that of a rule which has billed, under another name."""
    for past in known:
        old = past.latest
        is_new = any(
            rule.rule.name not in {other.name for other in was.model.outcomes} for was in past.rules
        )
        alike = (old.form.values, old.form.dependencies) == (
            rule.form.values,
            rule.form.dependencies,
        )
        if is_new and alike and old.form.head != rule.form.head:
            yield rule.problem(
                f"`{rule.rule.name}` is new, and its once_per is that of `{old.rule.name}`, which"
                " has billed: what that has billed, this bills again.",
                f"If it is a part of `{old.rule.name}`, write `was: [{past.key_name}]` in it, so"
                " that both bill once together; if each is meant to bill, write `rekeyed: true`.",
                "once_per",
            )
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBehind:
    """A rule that gets other keys on purpose, while what `rules` of `source` charged keeps its own.

    `rule` is where that is declared, `form` that of the new keys; None where only a reversal gets
    them.
    """

    source: str
    rules: frozenset[str]
    rule: EditedRule
    form: KeyForm | None

    def is_out_of_reach(self, name: str, file: str, text: str) -> bool:
        """Whether what the rule `name` charged by this text has other keys than the new ones."""
        model = read_model(file, text.encode())
        rule = next((rule for rule in model.outcomes if rule.name == name), None) if model else None
        if model is None or rule is None:
            return True
        return form_of(model, self.source, rule, rule) != self.form

    def warning(self, charges: str) -> FileProblem:
        """The warning of these open charges."""
        return self.rule.problem(
            f"{charges} of `{min(self.rules)}` would keep the old keys, so that no reversal reaches"
            " them any more.",
            f"`receiver reverse --source {self.source} --rule {min(self.rules)}` takes back by hand"
            " those that must not stand.",
            "rekeyed",
        )


def left_behind(history: History, texts: Mapping[str, bytes]) -> list[LeftBehind]:
    """The rules of these mapping files that `rekeyed: true` gives other keys than have billed."""
    edit = Edit(history, tuple(_files(texts)))
    return [
        LeftBehind(source=past.source, rules=past.names, rule=rule, form=form)
        for past in history.past
        for rule, form in _rekeyed(edit, past)[:1]
    ]


def _rekeyed(edit: Edit, past: Past) -> list[tuple[EditedRule, KeyForm | None]]:
    heirs = edit.heirs_of(past)
    found: list[tuple[EditedRule, KeyForm | None]] = [
        (heir, heir.form) for heir in heirs if heir.rule.rekeyed and not past.allows(heir.form)
    ]
    names = {heir.rule.name for heir in heirs}
    for heir in heirs[:1]:
        for name, olds in past.reversals(edit.history, heir.form).items():
            found += [
                (rule, None)
                for rule in edit.reversals_of(past, frozenset({name}))
                if rule.rule.rekeyed and lost(past, olds, rule, names)
            ]
    return found


def _files(texts: Mapping[str, bytes]) -> Iterator[EditedFile]:
    for name, body in sorted(texts.items()):
        model = read_model(name, body)
        if model is not None:
            positions = yamlfile.parse(body, file=name).positions
            yield EditedFile(name=name, model=model, positions=positions)
