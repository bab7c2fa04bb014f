"""What has billed so far: the rules, the forms of their keys, and the texts that an edit meets.

Owns: reading these from the texts that billed and from those in force. Refuses: to judge an edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import MappingProxyType

from mappings.engine.reading import yamlfile
from mappings.engine.reading.validation import validate
from mappings.engine.rules.dependencies import KeyForm, form_of, key_name
from mappings.engine.rules.model import MappingModel, RuleModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """A rule that has charged: of which source, and its file's name and text when it did."""

    source: str
    rule: str
    file: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rekeying:
    """A form of keys that `rekeyed: true` declared, by its digest, and the source that has it."""

    form: str
    source: str


@dataclass(frozen=True, kw_only=True)
class History:
    """What decides on an edit.

    `billed` has each rule once for each text that it billed by, the oldest first. `rekeyings` has
    what was last declared, by source and key name. `texts` are the mapping files in force, by name.
    """

    billed: tuple[Billed, ...] = ()
    rekeyings: Mapping[tuple[str, str], Rekeying] = field(
        default_factory=lambda: MappingProxyType({})
    )
    texts: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def sources(self) -> dict[str, tuple[str, MappingModel]]:
        """The sources in force, each with its file's name and content."""
        return {
            source: (file, model)
            for file, body in sorted(self.texts.items())
            if (model := read_model(file, body)) is not None
            for source in sources_in(model)
        }

    @cached_property
    def past(self) -> list[Past]:
        """What has billed, by source and key name; texts that no longer parse are left out."""
        found: dict[tuple[str, str], list[tuple[str, BilledRule]]] = {}
        for billed in self.billed:
            known = _charge_rule(billed)
            if known is not None:
                key = (billed.source, key_name(known.rule))
                found.setdefault(key, []).append((billed.file, known))
        return [
            Past(
                source=source,
                key_name=name,
                file=self.sources.get(source, (rules[-1][0],))[0],
                rules=tuple(rule for _, rule in rules),
                rekeying=self.rekeyings.get((source, name)) or _declared_in(source, rules),
            )
            for (source, name), rules in found.items()
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledRule:
    """A rule as it was in one text."""

    rule: RuleModel
    form: KeyForm
    model: MappingModel


@dataclass(frozen=True, kw_only=True)
class Past:
    """All that has billed under one key name of a source; `rules` are the oldest first."""

    source: str
    key_name: str
    file: str
    rules: tuple[BilledRule, ...]
    rekeying: Rekeying | None

    @property
    def homes(self) -> frozenset[str]:
        """The sources that have its rules: its own, and what that was renamed to on purpose."""
        return frozenset({self.source, self.rekeying.source if self.rekeying else self.source})

    @property
    def declared(self) -> str | None:
        return self.rekeying.form if self.rekeying else None

    @property
    def key(self) -> tuple[str, str]:
        return (self.source, self.key_name)

    @property
    def latest(self) -> BilledRule:
        return self.rules[-1]

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that its rules can be found by."""
        return frozenset({self.key_name, *(known.rule.name for known in self.rules)})

    @cached_property
    def digests(self) -> frozenset[str]:
        return frozenset(known.form.digest for known in self.rules)

    @property
    def reference(self) -> BilledRule:
        """What an edit is compared with in words."""
        declared = (known for known in reversed(self.rules) if known.form.digest == self.declared)
        return next(declared, self.latest)

    def allows(self, form: KeyForm) -> bool:
        """Whether keys of this form cannot bill again what has billed, unless that was declared.

        A form that has billed is allowed, unless it was left on purpose and the form declared in
        its place has billed since.
        """
        digest = form.digest
        if self.declared is None:
            return digest in self.digests
        if self.declared in self.digests:
            return digest == self.declared
        return digest in {self.declared, self.latest.form.digest}

    def reversals(self, history: History, form: KeyForm) -> dict[str, list[BilledRule]]:
        """The rules that take its charges back, as it last billed and as it is in force, by name.

        Each as it was in the texts that gave charges keys of this form.
        """
        in_force = [history.sources[home][1] for home in self.homes if home in history.sources]
        needed = [
            rule.name for model in (self.latest.model, *in_force) for rule, _ in self._of(model)
        ]
        found: dict[str, list[BilledRule]] = {name: [] for name in needed}
        for model in (*(known.model for known in reversed(self.rules)), *in_force):
            for rule, charge in self._of(model):
                if form_of(model, self.source, charge, charge) == form:
                    known = BilledRule(
                        rule=rule, form=form_of(model, self.source, rule, charge), model=model
                    )
                    for name in {rule.name, *rule.was} & found.keys():
                        found[name].append(known)
        return found

    def _of(self, model: MappingModel) -> list[tuple[RuleModel, RuleModel]]:
        """The reversals of its rules in a text, each with the rule."""
        charges = {
            rule.name: rule
            for rule in model.outcomes
            if rule.acts_on is None and self.names & {rule.name, *rule.was}
        }
        return [
            (rule, charges[of])
            for rule in model.outcomes
            if (of := rule.acts_on) is not None and of in charges
        ]


def _charge_rule(billed: Billed) -> BilledRule | None:
    """The rule as it billed; None where the text no longer parses or has no such charge."""
    model = read_model(billed.file, billed.text.encode())
    rules = model.outcomes if model is not None else ()
    rule = next((rule for rule in rules if rule.name == billed.rule), None)
    if model is None or rule is None or rule.acts_on is not None:
        return None
    return BilledRule(rule=rule, form=form_of(model, billed.source, rule, rule), model=model)


def _declared_in(source: str, rules: list[tuple[str, BilledRule]]) -> Rekeying | None:
    """The form last declared in a text that billed, different from the one before it."""
    declared = before = None
    for _, known in rules:
        if known.rule.rekeyed and before is not None and known.form.digest != before:
            declared = Rekeying(form=known.form.digest, source=source)
        before = known.form.digest
    return declared


def sources_in(model: MappingModel) -> list[str]:
    """The sources that a file is for."""
    return [model.source] if model.source else [item.name for item in model.sources or ()]


@lru_cache(maxsize=512)
def read_model(file: str, body: bytes) -> MappingModel | None:
    """A mapping file's content; None where it is none, or cannot be read any more."""
    parsed = yamlfile.parse(body, file=file)
    model = validate(MappingModel, parsed.data, file=file, positions=parsed.positions)
    return None if isinstance(model, tuple) else model
