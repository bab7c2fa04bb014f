"""A rule as written to a rule that runs, with everything that is wrong in it.

Owns: what a rule must have and may not have, and what of its fields shows at load. Refuses: to
look at other files (`checks.py`) or at the shape (`model.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mappings.engine.common.suggest import nearest
from mappings.engine.reading.positions import Path
from mappings.engine.reading.problems import ProblemReport
from mappings.engine.rules.dependencies import key_name
from mappings.engine.rules.evaluate import Rule
from mappings.engine.rules.fieldcompiler import FieldCompiler
from mappings.engine.rules.fields import CURRENCY, KEY, NAME, TAG, TIME, VALUE, Field
from mappings.engine.rules.model import RuleModel
from mappings.engine.types import Kind

PER_DELIVERY = "delivery"
_BOOLEAN = frozenset({"BOOL", "DYN"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCompiler:
    """Compiles the rules of one file. `rules` are those of the right shape, by name.

    Unless these are all, a rule that is not among them may be there.
    """

    fields: FieldCompiler
    report: ProblemReport
    rules: Mapping[str, RuleModel]
    has_all_rules: bool
    signs_delivery_id: bool

    def compile(self, model: RuleModel, path: Path) -> Rule | None:
        """The rule, or None with its problems in the report."""
        before = len(self.report.problems)
        charge = self._charge(model, path)
        self._check_parts(model, path)
        when = self.fields.expression((*path, "when"), model.when, _BOOLEAN, "true or false")
        fields = {
            name: self.fields.field(NAME, (*path, name), getattr(model, name), name)
            for name in ("agent", "customer", "indicator")
        }
        once_per = self._once_per(model, path)
        occurred_at = self.fields.field(
            TIME, (*path, "occurred_at"), model.occurred_at, "occurred_at", constant=False
        )
        value = self.fields.field(VALUE, (*path, "value"), model.value, "value")
        currency = self.fields.field(CURRENCY, (*path, "currency"), model.currency, "currency")
        tags = self._tags(model, path)
        if len(self.report.problems) > before or when is None or charge is None:
            return None
        return Rule(
            name=model.name,
            kind=model.kind,
            acts_on=model.acts_on,
            key_rule=key_name(charge),
            scope=charge.scope,
            when=when,
            once_per=once_per,
            occurred_at=occurred_at,
            value=value,
            currency=currency,
            meta_tags=tags,
            amount_rule=model.amount_rule,
            **fields,
        )

    def _charge(self, model: RuleModel, path: Path) -> RuleModel | None:
        """The rule itself, or for a reversal or reinstatement the rule that charges."""
        name = model.acts_on
        if name is None:
            return model
        charge = self.rules.get(name)
        at = (*path, "reverses" if model.reverses else "reinstates")
        charges = [name for name, rule in self.rules.items() if rule.kind is Kind.CHARGE]
        if charge is None and not self.has_all_rules:
            return None
        if charge is None:
            renamed = [n for n, rule in self.rules.items() if name in rule.was]
            close = renamed[0] if renamed else nearest(name, charges)
            remedy = f"Write {close}." if close else f"Rules that charge: {', '.join(charges)}."
            self.report.at_value(at, f"There is no rule `{name}`.", remedy)
        elif charge.acts_on is not None:
            others = ", ".join(charges) or "there is none yet"
            close = charge.acts_on if charge.acts_on in charges else others
            self.report.at_value(
                at,
                f"`{name}` is a {charge.kind.value} itself.",
                f"Name the rule that charges: {close}.",
            )
            charge = None
        elif charge.once_per == PER_DELIVERY != model.once_per:
            self.report.at_value(
                at,
                f"`{charge.name}` bills once per delivery, which no {model.kind.value} can name.",
                f"Map `once_per` of `{charge.name}` to something in the event.",
            )
        elif _width(charge) != _width(model):
            self.report.at_value(
                (*path, "once_per"),
                f"This has {_width(model)} values and that of `{charge.name}` "
                f"{_width(charge)}, so it would never find the charge.",
                f"Give the values that `{charge.name}` gives, in its order.",
            )
        return charge

    def _check_parts(self, model: RuleModel, path: Path) -> None:
        if model.once_per is None:
            self.report.at_value(
                path,
                f"`once_per` is missing in `{model.name}`: nothing defines what bills once.",
                "Add `once_per: ${{ id(…) }}` with what identifies the outcome.",
            )
        if model.reverses is not None and model.reinstates is not None:
            self.report.at_key(
                (*path, "reinstates"),
                "A rule takes charges back or brings them back, not both.",
                "Remove `reverses` or `reinstates`.",
            )
        if model.acts_on is not None:
            for key in ("value", "currency", "scope", "amount"):
                if getattr(model, key) is not None:
                    self.report.at_key(
                        (*path, key),
                        f"A {model.kind.value} has no `{key}`: it takes that of `{model.acts_on}`.",
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
                self.fields.field(KEY, (*at, index), text, f"once_per[{index + 1}]")
                for index, text in enumerate(model.once_per)
            ]
        else:
            fields = [self.fields.field(KEY, at, model.once_per, "once_per")]
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
        if model.acts_on is not None:
            self.report.at_value(
                at,
                f"A {model.kind.value} comes in another delivery than its charge.",
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
            field = self.fields.field(TAG, at, text, f"meta_tags.{name}")
            if field is not None:
                fields.append((name, field))
        return tuple(fields)


def _width(model: RuleModel) -> int:
    return len(model.once_per) if isinstance(model.once_per, list) else 1
