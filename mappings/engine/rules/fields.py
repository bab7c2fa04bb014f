"""The fields of a rule: what each takes, and its value in one event.

Owns: which values may stand where (text for agent, customer and indicator; text or a whole number
in `once_per`; …) checked by static type at load and by value at run time. Refuses: to guess. A
number is not a name, a float is not an id, a blank is not a customer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from mappings.engine.cel.language import Activation, EvalError, Expression
from mappings.engine.cel.template import Template
from mappings.engine.cel.words import noun_of
from mappings.engine.common.amounts import decimal_amount
from mappings.engine.common.currencies import currency_code
from mappings.engine.common.errors import InvalidValue, MappingsError
from mappings.engine.common.identifiers import unfit
from mappings.engine.common.times import parse_time
from mappings.engine.reading.problems import Fault
from mappings.engine.reasons import Reason

TAG_CHARS_MAX = 256
_ID_REMEDY = "write id(…) around a whole number"


class FieldError(MappingsError):
    """A field has no value that may be billed; its parts make one sentence."""

    def __init__(
        self, message: str, remedy: str, *, expression: str | None, reason: Reason = Reason.MAPPING
    ) -> None:
        super().__init__(message, remedy)
        self.expression = expression
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FieldKind:
    """What a field takes: `kinds` are CEL's static types, `types` the Python ones of values."""

    noun: str
    kinds: frozenset[str]
    types: tuple[type, ...]
    convert: Callable[[Any], Any]
    remedies: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one rule, compiled."""

    name: str
    kind: FieldKind
    template: Template

    def evaluate(self, activation: Activation) -> Any:
        """The field's value, converted and checked. Raises FieldError."""
        single = self.template.single
        try:
            if single is not None:
                return self.kind.convert(self._value(single, activation))
            pieces = (
                part if isinstance(part, str) else _as_text(self._value(part, activation))
                for part in self.template.parts
            )
            return self.kind.convert("".join(pieces))
        except InvalidValue as error:
            text = self.template.text
            raise FieldError(error.message, error.remedy, expression=text) from error

    def _value(self, expression: Expression, activation: Activation) -> Any:
        try:
            value = expression.evaluate(activation)
        except EvalError as error:
            raise FieldError(
                error.message, error.remedy, expression=expression.text, reason=error.reason
            ) from error
        allowed = self.kind.types
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            name = _type_name(value)
            remedy = self.kind.remedies.get(name, f"give {self.kind.noun}")
            message = f"it gives {noun_of(name)} where {self.kind.noun} belongs"
            raise FieldError(message, remedy, expression=expression.text)
        return activation.numbers.text(value) if isinstance(value, float) else value


def kind_faults(kind: FieldKind, template: Template) -> list[Fault]:
    """What the static types of a field's expressions already show to be wrong."""
    faults = []
    position = 0
    for expression in template.expressions:
        position = template.text.find(expression.text, position)
        if expression.kind not in kind.kinds | {"DYN"}:
            name = "int" if expression.kind == "UINT" else expression.kind.lower()
            remedy = kind.remedies.get(name, f"give {kind.noun}")
            message = f"This gives {noun_of(name)} where {kind.noun} belongs."
            faults.append(Fault(position, message, f"{remedy[0].upper()}{remedy[1:]}."))
    return faults


def _as_text(value: object) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _type_name(value: object) -> str:
    return next((name for kind, name in _PYTHON if isinstance(value, kind)), "other")


#: CEL's names of the types, in this order: True is an int as well.
_PYTHON: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "double"),
    (str, "string"),
    (type(None), "null"),
    (list, "list"),
    (dict, "map"),
    (datetime, "timestamp"),
)
_OPTIONAL = {"optional_type": "end it with .orValue(…)"}
_FLOAT_ID = "a floating number is never an id: have the sender put it as text or a whole number"


def _identifying(value: object) -> str:
    text = _as_text(value)
    fault = unfit(text)
    if fault is not None:
        raise fault
    return text


def _tag(value: object) -> str:
    text = _as_text(value)
    if len(text) > TAG_CHARS_MAX:
        raise InvalidValue(
            f"it has {len(text)} characters, more than {TAG_CHARS_MAX}",
            f"cut it with .substring(0, {TAG_CHARS_MAX})",
        )
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidValue("it has a NUL or half a character", "look at the payload")
    return text


def _amount(value: object) -> Decimal:
    return decimal_amount(str(value))


def _time(value: datetime | str) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if not value.strip():
        raise InvalidValue("it is empty", "make `when` ask for it, or leave `occurred_at` out")
    return parse_time(value)


NAME = FieldKind(
    "text",
    frozenset({"STRING"}),
    (str,),
    _identifying,
    {"int": _ID_REMEDY, "double": _FLOAT_ID, **_OPTIONAL},
)
KEY = FieldKind(
    "text or a whole number",
    frozenset({"STRING", "INT", "UINT"}),
    (str, int),
    _identifying,
    {"double": _FLOAT_ID, **_OPTIONAL},
)
TAG = FieldKind(
    "text, a whole number or a truth value",
    frozenset({"STRING", "INT", "UINT", "BOOL"}),
    (str, int, bool),
    _tag,
    {"double": "write string(…) around it", "timestamp": "write string(…) around it", **_OPTIONAL},
)
TIME = FieldKind(
    "a timestamp or the text of a time",
    frozenset({"STRING", "TIMESTAMP"}),
    (str, datetime),
    _time,
    {
        "int": "write millis(…) or seconds(…) around it, whichever the sender counts in",
        "double": "write millis(…) or seconds(…) around it, whichever the sender counts in",
        **_OPTIONAL,
    },
)
CURRENCY = FieldKind(
    "a currency (three letters such as USD)",
    frozenset({"STRING"}),
    (str,),
    currency_code,
    _OPTIONAL,
)
VALUE = FieldKind(
    "an amount (decimal text or a number)",
    frozenset({"STRING", "INT", "UINT", "DOUBLE"}),
    (str, int, float),
    _amount,
    _OPTIONAL,
)
