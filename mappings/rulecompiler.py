"""A rule as written to a rule that runs, with everything that is wrong in it.

Owns: what a rule must have and may not have, and what of its fields shows at load. Refuses: to
look at other files (`checks.py`) or at the shape (`model.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mappings import celtext
from mappings.cel import Expression, ExpressionError, Language, Lets
from mappings.fields import (
    KEY,
    NAME,
    TAG,
    TAG_CHARS_MAX,
    TIME,
    VALUE,
    Field,
    FieldKind,
    kind_faults,
)
from mappings.identity import value_fault
from mappings.model import RuleModel
from mappings.positions import Path
from mappings.report import Report
from mappings.rules import Rule
from mappings.template import Template, compile_template
from mappings.types import Kind
from mappings.wording import nearest, shown

PER_DELIVERY = "delivery"
_BOOLEAN = frozenset({"BOOL", "DYN"})
_CALL = re.compile(r"(?:id|lookup|json|string)\(")
_MEMBER = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)[.\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCompiler:
    """Compiles the rules of one file. `rules` are all of its rules, by name."""

    language: Language
    lets: Lets
    report: Report
    rules: Mapping[str, RuleModel]
    signs_delivery_id: bool

    def compile(self, model: RuleModel, path: Path) -> Rule | None:
        """The rule, or None with its problems in the report."""
        before = len(self.report.problems)
        charge = self._charge(model, path)
        self._check_parts(model, path)
        when = self.expression((*path, "when"), model.when, _BOOLEAN, "true or false")
        fields = {
            name: self._field(NAME, (*path, name), getattr(model, name), name)
            for name in ("agent", "customer", "indicator")
        }
        once_per = self._once_per(model, path)
        occurred_at = self._field(
            TIME, (*path, "occurred_at"), model.occurred_at, "occurred_at", constant=False
        )
        value = self._field(VALUE, (*path, "value"), model.value, "value")
        tags = self._tags(model, path)
        if len(self.report.problems) > before or when is None or charge is None:
            return None
        return Rule(
            name=model.name,
            kind=Kind.REVERSAL if model.reverses else Kind.CHARGE,
            key_rule=key_rule(charge),
            scope=charge.scope,
            when=when,
            once_per=once_per,
            occurred_at=occurred_at,
            value=value,
            meta_tags=tags,
            **fields,
        )

    def expression(
        self, path: Path, text: str, kinds: frozenset[str], noun: str
    ) -> Expression | None:
        """Bare CEL at `path`, which must give one of `kinds`."""
        try:
            compiled = self.language.compile(text, self.lets)
        except ExpressionError as error:
            self.report.inside(path, text, error.faults)
            return None
        self.check_tables(path, text, compiled)
        if compiled.kind not in kinds:
            self.report.at_value(
                path, f"`{path[-1]}` never gives {noun}.", "Compare something with ==."
            )
            return None
        return compiled

    def check_tables(self, path: Path, text: str, expression: Expression) -> None:
        """Look-ups in tables that do not exist, where the name is written out."""
        start = text.find(expression.text)
        for name, offset in celtext.literal_arguments(expression.text, "lookup"):
            if name not in self.language.tables:
                close = nearest(name, self.language.tables)
                known = ", ".join(sorted(self.language.tables)) or "none"
                remedy = f"Write {close!r}" if close else f"Make tables/{shown(name)}.yaml"
                self.report.in_text(
                    (path, text),
                    start + offset,
                    f"There is no table `{shown(name)}`.",
                    f"{remedy}; there are: {known}.",
                )

    def _charge(self, model: RuleModel, path: Path) -> RuleModel | None:
        """The rule itself, or for a reversal the rule whose charge it takes back."""
        if model.reverses is None:
            return model
        charge = self.rules.get(model.reverses)
        at = (*path, "reverses")
        charges = [name for name, rule in self.rules.items() if rule.reverses is None]
        if charge is None:
            renamed = [n for n, rule in self.rules.items() if model.reverses in rule.was]
            close = renamed[0] if renamed else nearest(model.reverses, charges)
            remedy = f"Write {close}." if close else f"Rules that charge: {', '.join(charges)}."
            self.report.at_value(at, f"There is no rule `{model.reverses}`.", remedy)
        elif charge.reverses is not None:
            self.report.at_value(
                at,
                f"`{model.reverses}` is a reversal itself.",
                f"Name the rule that charges: {', '.join(charges) or 'there is none yet'}.",
            )
            charge = None
        elif _width(charge) != _width(model):
            self.report.at_value(
                (*path, "once_per"),
                f"This has {_width(model)} values and that of `{charge.name}` "
                f"{_width(charge)}, so it would never take anything back.",
                f"Give the values that `{charge.name}` gives, in its order.",
            )
        return charge

    def _check_parts(self, model: RuleModel, path: Path) -> None:
        if model.once_per is None:
            self.report.at_value(
                path,
                f"`once_per` is missing in `{model.name}`: nothing says what bills once.",
                "Add `once_per: ${{ id(…) }}` with what identifies the outcome.",
            )
        if model.reverses is not None:
            for key in ("value", "scope"):
                if getattr(model, key) is not None:
                    self.report.at_key(
                        (*path, key),
                        f"A reversal has no `{key}`: it takes that of `{model.reverses}`.",
                        "Remove it.",
                    )
            return
        for key in ("agent", "customer", "indicator"):
            if getattr(model, key) is None:
                self.report.at_value(
                    path,
                    f"`{key}` is missing in `{model.name}`.",
                    f"Add `{key}:`; a charge names agent, customer and indicator.",
                )

    def _once_per(self, model: RuleModel, path: Path) -> tuple[Field, ...] | None:
        at = (*path, "once_per")
        if model.once_per == PER_DELIVERY:
            self._check_per_delivery(model, at)
            return None
        if isinstance(model.once_per, list):
            fields = [
                self._field(KEY, (*at, index), text, f"once_per[{index + 1}]")
                for index, text in enumerate(model.once_per)
            ]
        else:
            fields = [self._field(KEY, at, model.once_per, "once_per")]
        found = tuple(field for field in fields if field is not None)
        if (
            model.once_per is not None
            and len(found) == len(fields)
            and not any(field.template.expressions for field in found)
        ):
            self.report.at_value(
                at,
                "`once_per` is the same for every event, so the rule would bill once, ever.",
                "Write ${{ … }} with what identifies the outcome, such as ${{ id(event.id) }}.",
            )
        return found

    def _check_per_delivery(self, model: RuleModel, at: Path) -> None:
        if not self.signs_delivery_id:
            self.report.at_value(
                at,
                "`once_per: delivery` needs a scheme that signs the delivery id.",
                "Map it to something in the event, such as ${{ id(event.id) }}.",
            )
        if model.reverses is not None:
            self.report.at_value(
                at,
                "A reversal comes in another delivery than its charge.",
                "Map `once_per` of both rules to something in the event.",
            )
        if model.scope is not None:
            self.report.at_value(
                at,
                "A `scope` is shared, and a delivery's id means something to one source only.",
                "Map `once_per` to something in the event, or remove `scope`.",
            )

    def _tags(self, model: RuleModel, path: Path) -> tuple[tuple[str, Field], ...]:
        fields = []
        for name, value in model.meta_tags.items():
            at = (*path, "meta_tags", name)
            text = str(value).lower() if isinstance(value, bool) else str(value)
            field = self._field(TAG, at, text, f"meta_tags.{name}")
            if field is not None:
                fields.append((name, field))
        return tuple(fields)

    def _field(
        self, kind: FieldKind, path: Path, text: str | None, name: str, *, constant: bool = True
    ) -> Field | None:
        if text is None:
            return None
        try:
            template = compile_template(text, self.language, self.lets)
        except ExpressionError as error:
            self.report.inside(path, text, error.faults)
            return None
        for expression in template.expressions:
            self.check_tables(path, text, expression)
        self.report.inside(path, text, kind_faults(kind, template))
        if template.literal is not None:
            self._check_literal(kind, path, template, constant=constant)
        return Field(name, kind, template)

    def _check_literal(
        self, kind: FieldKind, path: Path, template: Template, *, constant: bool
    ) -> None:
        text = template.text
        if self._reads_like_cel(text):
            self.report.at_value(
                path,
                f"`{shown(text)}` is taken as it stands, not as an expression.",
                "Write ${{ … }} around it.",
            )
        elif not constant:
            self.report.at_value(
                path, "This is the same for every event.", "Write ${{ … }} with the event's own."
            )
        elif kind in (NAME, KEY) and (fault := value_fault(text)):
            self.report.at_value(path, f"This identifies nothing: {fault}.", "Write a name.")
        elif kind is TAG and len(text) > TAG_CHARS_MAX:
            self.report.at_value(
                path, f"The tag has more than {TAG_CHARS_MAX} characters.", "Shorten it."
            )
        elif kind is VALUE:
            try:
                kind.convert(text)
            except ValueError:
                self.report.at_value(
                    path, f"`{shown(text)}` is no decimal amount.", 'Write digits: "1200.50".'
                )

    def _reads_like_cel(self, text: str) -> bool:
        heads = {"payload", "event", "headers", "vars", "received_at", *self.lets.compiled}
        member = _MEMBER.match(text)
        return bool(_CALL.match(text)) or (member is not None and member[1] in heads)


def key_rule(charge: RuleModel) -> str:
    """The name in a charge's key: the oldest it had."""
    return charge.was[0] if charge.was else charge.name


def _width(model: RuleModel) -> int:
    return len(model.once_per) if isinstance(model.once_per, list) else 1
