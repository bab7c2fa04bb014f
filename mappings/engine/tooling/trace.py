"""Why a delivery bills what it bills: every rule of every event, with the values it saw.

Owns: the records that `receiver try` prints, and the eye for comparisons across types, which CEL
answers with false and without a word ("8001" is not 8001). Refuses: to decide anything itself;
outcomes and failures are those of `rules.program`, the operands beside them are for the reader.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from mappings.engine.cel import text as celtext
from mappings.engine.cel.language import (
    Activation,
    EvalError,
    Expression,
    ExpressionError,
    Language,
    Lets,
)
from mappings.engine.common.errors import shown
from mappings.engine.loading.mapping_set import MappingSet
from mappings.engine.rules.evaluate import Event, MappingFailed, Rule, matches, outcome_of, price_of
from mappings.engine.rules.fields import Field, FieldError
from mappings.engine.rules.program import Program
from mappings.engine.types import DeliveryInput, Failure, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedValue:
    """An expression and its `value` (plain JSON), or the `error` it has instead.

    `warning` is a likely mistake in it; `parts` are the operands that `sign` joins.
    """

    text: str
    value: Any = None
    error: str | None = None
    warning: str | None = None
    sign: str = ""
    parts: tuple[TracedValue, ...] = ()

    def warnings(self) -> tuple[str, ...]:
        """Its own warning and those of its parts."""
        own = (self.warning,) if self.warning else ()
        return own + tuple(warning for part in self.parts for warning in part.warnings())


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedField:
    """A field of a matching rule, as written and as it came out."""

    name: str
    text: str
    value: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedRule:
    """One rule on one event; `matched` is None where `when` could not be decided.

    `price` names the price of `agents.yaml` that gave the amount.
    """

    rule: str
    matched: bool | None
    when: TracedValue
    fields: tuple[TracedField, ...] = ()
    outcome: Outcome | None = None
    failure: Failure | None = None
    price: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedEvent:
    """One event: the `let` names and what each rule made of it."""

    index: int
    lets: tuple[TracedField, ...]
    rules: tuple[TracedRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A whole delivery; `failures` are those of the delivery itself, before any rule."""

    source: str
    events: tuple[TracedEvent, ...]
    failures: tuple[Failure, ...]
    shadow: bool

    def as_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        found: dict[str, Any] = plain(self)
        return found


_TRACE = TypeAdapter(Trace)


def trace(mappings: MappingSet, delivery: DeliveryInput) -> Trace:
    """What `mappings.map` gives, and for each event and rule why."""
    program = mappings.programs.get(delivery.source)
    if program is None:
        failures = mappings.map(delivery).failures
        return Trace(source=delivery.source, events=(), failures=failures, shadow=False)
    demand = replace(program.demand, depth=max(program.demand.depth, 1))

    def seen(events: Iterator[Event], *failures: Failure) -> Trace:
        return _traced(program, delivery, events, failures)

    try:
        return program.on_events(delivery, mappings.catalogue, seen, _TRACE, demand=demand)
    except MappingFailed as error:
        return seen(iter(()), error.failure)


def _traced(
    program: Program,
    delivery: DeliveryInput,
    events: Iterator[Event],
    failures: tuple[Failure, ...],
) -> Trace:
    traced: list[TracedEvent] = []
    try:
        traced.extend(_traced_event(program, event) for event in events)
    except MappingFailed as error:
        failures = (*failures, error.failure)
    return Trace(
        source=delivery.source, events=tuple(traced), failures=failures, shadow=program.shadow
    )


def _traced_event(program: Program, event: Event) -> TracedEvent:
    lets = tuple(
        TracedField(name=name, text=let.text, **_evaluated(let, event.activation))
        for name, let in program.lets.compiled.items()
    )
    rules = tuple(_traced_rule(program, rule, event) for rule in program.rules)
    return TracedEvent(index=event.index, lets=lets, rules=rules)


def _traced_rule(program: Program, rule: Rule, event: Event) -> TracedRule:
    reader = _Reader(program.language, program.lets, event.activation)
    when = reader.read(celtext.operands(rule.when.text))
    matched: bool | None = None
    outcome: Outcome | None = None
    failure: Failure | None = None
    fields: tuple[TracedField, ...] = ()
    try:
        matched = matches(rule, event)
        if matched:
            fields = tuple(_traced_field(field, event.activation) for field in rule.fields())
            outcome = outcome_of(rule, event)
    except MappingFailed as error:
        failure = error.failure
    return TracedRule(
        rule=rule.name,
        matched=matched,
        when=when,
        fields=fields,
        outcome=outcome,
        failure=failure,
        price=None if outcome is None else price_of(outcome, event),
    )


def _traced_field(field: Field, activation: Activation) -> TracedField:
    return TracedField(name=field.name, text=field.template.text, **_evaluated(field, activation))


def _evaluated(part: Field | Expression, activation: Activation) -> dict[str, Any]:
    try:
        return {"value": plain(part.evaluate(activation))}
    except (EvalError, FieldError) as error:
        return {"error": error.message}


@dataclass(frozen=True, slots=True)
class _Reader:
    """Evaluates the operands of a condition, each for itself."""

    language: Language
    lets: Lets
    activation: Activation

    def read(self, operand: celtext.Operand) -> TracedValue:
        read = operand.parts[:1] if operand.variable else operand.parts
        parts = tuple(self.read(part) for part in read)
        try:
            compiled = self.language.compile(operand.text, self.lets)
        except ExpressionError as error:  # a literal of a type that only its neighbour gives it
            return TracedValue(text=operand.text, error=str(error), sign=operand.sign, parts=parts)
        seen = _evaluated(compiled, self.activation)
        return TracedValue(
            text=operand.text,
            sign=operand.sign,
            parts=parts,
            warning=self._warning(operand, parts),
            **seen,
        )

    def _warning(self, operand: celtext.Operand, parts: tuple[TracedValue, ...]) -> str | None:
        if operand.variable:
            return self._warning_inside(operand)
        if operand.sign not in celtext.EQUALITIES or any(part.error for part in parts):
            return None
        left, right = (part.value for part in parts)
        return _across_types(operand.sign, left, right)

    def _warning_inside(self, operand: celtext.Operand) -> str | None:
        """The first comparison across types among the items that `exists` or its kin looks at."""
        ranged, body = operand.parts
        for comparison in body.comparisons():
            left, right = (part.text for part in comparison.parts)
            pairs = f"{ranged.text}.map({operand.variable}, [dyn({left}), dyn({right})])"
            try:
                seen = self.language.compile(pairs, self.lets).evaluate(self.activation)
            except (ExpressionError, EvalError):  # some item lacks what is compared
                continue
            for a, b in seen:
                warning = _across_types(comparison.sign, plain(a), plain(b))
                if warning is not None:
                    return warning
        return None


def _across_types(sign: str, left: object, right: object) -> str | None:
    """What is odd about comparing these, if they can never be equal for being of two types."""
    if sign == "in":
        items = list(right) if isinstance(right, (list, dict)) else []
        if not items or any(_kind(item) == _kind(left) for item in items):
            return None
        right = items[0]
    kinds = [_kind(left), _kind(right)]
    if kinds[0] == kinds[1] or "null" in kinds:
        return None
    return (
        f"{_shown(left)} is {kinds[0]} and {_shown(right)} is {kinds[1]}: never equal; "
        "write id(…) or compare like with like"
    )


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def _shown(value: object) -> str:
    return shown(f'"{value}"' if isinstance(value, str) else str(value), at_most=40)


def plain(value: Any) -> Any:
    """Any value of a trace as JSON has it; times as RFC 3339, decimals as text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: plain(getattr(value, name)) for name in names}
    return _as_text(value)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds()}s"
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)
