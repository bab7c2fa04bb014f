"""What `rekeyed: true` means: which keys count as declared, and which charges it leaves behind.

Owns that it is meant once and stays said. Refuses to judge edits, which `rekeying.py` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mappings.engine.loading.rekeying import File, Judge, RuleNow, lost, rules_of
from mappings.engine.reading import yamlfile
from mappings.engine.rules.billed import History, Past, Rekeying, past_of, read_model
from mappings.engine.rules.dependencies import KeyForm, form_of
from mappings.engine.types import Problem


def rekeyings_after(history: History, files: Sequence[File]) -> dict[tuple[str, str], Rekeying]:
    """Which forms of keys count as declared once these files are in force.

    A form is declared by `rekeyed: true`, and stays so without it. Putting an older form back
    before the declared one has billed withdraws it.
    """
    judge = Judge(history, rules_of(files))
    declared = dict(history.rekeyings)
    for past in past_of(history):
        for heir in judge.heirs_of(past):
            if not past.allows(heir.form) and heir.rule.rekeyed:
                declared[past.key] = Rekeying(form=heir.form.digest, source=heir.source)
            elif past.declared is not None and heir.form.digest != past.declared:
                declared.pop(past.key, None)
    return declared


def of_leftovers(history: History, files: Sequence[File]) -> Iterator[Problem]:
    """Rules that have billed by the keys that they declare, and still declare them."""
    past = past_of(history)
    for now in rules_of(files):
        known = (one for one in past if now.source in one.homes and now.names & one.names)
        if (
            now.is_charge
            and now.rule.rekeyed
            and any(now.form.digest in one.digests and one.allows(now.form) for one in known)
        ):
            yield now.problem(
                f"`{now.rule.name}` has billed by its present keys, and `rekeyed: true` is still"
                " here.",
                "Remove it: with it the next edit of the keys is not refused.",
                "rekeyed",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBehind:
    """A rule that gets other keys on purpose, while what `rules` of `source` charged keeps its own.

    `rule` is where it says so, `form` that of the new keys; None where a reversal gets them alone.
    """

    source: str
    rules: frozenset[str]
    rule: RuleNow
    form: KeyForm | None

    def is_out_of_reach(self, name: str, file: str, text: str) -> bool:
        """Whether what the rule `name` charged by this text has other keys than the new ones."""
        model = read_model(file, text.encode())
        rule = next((one for one in model.outcomes if one.name == name), None) if model else None
        if model is None or rule is None:
            return True
        return form_of(model, self.source, rule, rule) != self.form

    def warning(self, charges: str) -> Problem:
        """What to say of these open charges."""
        return self.rule.problem(
            f"{charges} of `{min(self.rules)}` would keep the old keys, so that no reversal reaches"
            " them any more.",
            f"`receiver reverse --source {self.source} --rule {min(self.rules)}` takes back by hand"
            " what shall not stand.",
            "rekeyed",
        )


def left_behind(history: History, texts: Mapping[str, bytes]) -> list[LeftBehind]:
    """The rules of these mapping files that `rekeyed: true` gives other keys than have billed."""
    judge = Judge(history, rules_of(_files(texts)))
    return [
        LeftBehind(source=past.source, rules=past.names, rule=rule, form=form)
        for past in past_of(history)
        for rule, form in _rekeyed(judge, past)[:1]
    ]


def _rekeyed(judge: Judge, past: Past) -> list[tuple[RuleNow, KeyForm | None]]:
    heirs = judge.heirs_of(past)
    found: list[tuple[RuleNow, KeyForm | None]] = [
        (heir, heir.form) for heir in heirs if heir.rule.rekeyed and not past.allows(heir.form)
    ]
    names = {heir.rule.name for heir in heirs}
    for heir in heirs[:1]:
        for name, olds in past.reversals(judge.history, heir.form).items():
            found += [
                (one, None)
                for one in judge.reversals_of(past, frozenset({name}))
                if one.rule.rekeyed and lost(past, olds, one, names)
            ]
    return found


def _files(texts: Mapping[str, bytes]) -> Iterator[File]:
    for name, body in sorted(texts.items()):
        model = read_model(name, body)
        if model is not None:
            yield File(name=name, model=model, positions=yamlfile.parse(body, file=name).positions)
