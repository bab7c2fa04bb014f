"""One compiled expression and the values it is evaluated with.

Owns: evaluation, and which expression an error is attributed to. Plain CEL runs first (`native.py`
explains why), the program with our own functions decides. Refuses: to compile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from cel_expr_python import cel

from mappings.engine.cel.lenient import Asked
from mappings.engine.cel.native import DOCUMENTS, READ
from mappings.engine.cel.runtime_errors import (
    EvalError,
    Exhausted,
    NoObject,
    no_object,
    runtime_error,
    too_much_memory,
)
from mappings.engine.cel.values import optional_value, plain
from mappings.engine.common.amounts import WrittenNumbers
from mappings.engine.common.errors import InvalidValue, MappingsError
from mappings.engine.common.identifiers import nfc, trim
from mappings.engine.common.times import ZONE_MARK, rfc3339
from mappings.engine.payload import PayloadError, parse_json

_ERROR = cel.Type.ERROR


def _time(text: str) -> str:
    moment, _, zone = text.partition(ZONE_MARK)
    return rfc3339(moment, zone or None)


_READERS: Mapping[str, Callable[[str], object]] = {
    "json": parse_json,
    "nfc": nfc,
    "trim": trim,
    "timestamp": _time,
}


class Activation:
    """The values of one event, and `documents`: by function, the texts that it was given, read.

    `note`, where there is one, is given the text of each expression before it is evaluated.
    `numbers` has what stood in the body where a floating number came out of it.
    """

    __slots__ = ("_environment", "_values", "documents", "note", "numbers", "values")

    def __init__(
        self,
        environment: cel.Env,
        values: Mapping[str, object],
        *,
        numbers: WrittenNumbers,
        note: Callable[[str], None] | None = None,
    ) -> None:
        self.note = note
        self.numbers = numbers
        self.documents: dict[str, dict[str, object]] = {name: {} for name in READ}
        self._environment = environment
        self._values = {**values, DOCUMENTS: self.documents}
        self.renew()

    def renew(self) -> None:
        """Let the library see the documents; it keeps what it saw of a variable."""
        self.values = self._environment.Activation(self._values)


@dataclass(frozen=True, slots=True)
class Programs:
    """What a text compiles to: `native` and `documents` are tried first; `native.py` explains why.

    `documents` give the texts that functions in READ are given in `native`; where that gives no
    value, `program` has the last word.
    """

    program: cel.Expression
    native: cel.Expression | None = None
    documents: tuple[tuple[str, cel.Expression], ...] = ()

    def evaluate(self, activation: Activation) -> Any:
        """The value as plain Python. Raises EvalError."""
        if self.native is not None:
            with suppress(_Inconclusive):
                return _native(self.native, activation)
            if self._read_documents(activation):
                with suppress(_Inconclusive):
                    return _native(self.native, activation)
        return _evaluated(self.program, activation)

    def _read_documents(self, activation: Activation) -> bool:
        """Whether some text was not read before."""
        is_new = False
        for function, program in self.documents:
            with suppress(_Inconclusive, PayloadError, InvalidValue):
                text = _native(program, activation)
                known = activation.documents[function]
                if isinstance(text, str) and text not in known and "\0" not in text:
                    known[text] = _READERS[function](text)
                    activation.renew()
                    is_new = True
        return is_new


@dataclass(frozen=True, slots=True)
class LenientForm:
    """An expression in its lenient form (`lenient.py`), and the members it asks for by number."""

    programs: Programs
    asked: tuple[Asked, ...]

    def placed(self, error: EvalError) -> EvalError:
        """The error with the place that it only has a number of."""
        return no_object(self.asked[error.number], error) if isinstance(error, NoObject) else error


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. `kind` is its static type: BOOL, STRING, LIST, …, or DYN.

    `lets` are the named expressions it uses, by name, each compiled for itself. Where `programs`
    give an error, what `lenient` makes has the last word; None if it does not compile.
    """

    text: str
    kind: str
    programs: Programs
    lets: Mapping[str, Expression] = field(default_factory=dict)
    lenient: Callable[[], LenientForm | None] = lambda: None

    @property
    def program(self) -> cel.Expression:
        return self.programs.program

    def evaluate(self, activation: Activation) -> Any:
        """Its value as plain Python: timestamps as aware datetimes, uint as int.

        Raises EvalError for whatever keeps it from having one.
        """
        if activation.note is not None:
            activation.note(self.text)
        try:
            return self.programs.evaluate(activation)
        except Exhausted:
            raise
        except EvalError as error:
            return self._leniently(error, activation)

    def _leniently(self, error: EvalError, activation: Activation) -> Any:
        """The value of the lenient form. Raises the more precise of the two errors."""
        lenient = self.lenient()
        if lenient is not None:
            try:
                return lenient.programs.evaluate(activation)
            except EvalError as other:
                error = lenient.placed(other)
        raise self._blamed(error, activation) from error.__cause__

    def _blamed(self, error: EvalError, activation: Activation) -> EvalError:
        """The error, said to be that of a `let` if it is."""
        for name, used in self.lets.items():
            try:
                used.evaluate(activation)
            except EvalError as inner:
                if inner.message.startswith(error.message):
                    named = inner.message
                    if named == error.message:
                        named = f"{named} in `let` {name}: {' '.join(used.text.split())}"
                    return EvalError(named, error.remedy, error.reason)
        return error


class _Inconclusive(MappingsError):
    """Plain CEL gave no value, which decides nothing."""


def _native(program: cel.Expression, activation: Activation) -> Any:
    """The value in plain CEL. Raises _Inconclusive, or Exhausted, which is conclusive."""
    try:
        return _evaluated(program, activation)
    except Exhausted:
        raise
    except EvalError as error:
        raise _Inconclusive(error.message) from error


def _evaluated(program: cel.Expression, activation: Activation) -> Any:
    found, is_error = _raw(program, activation)
    if is_error:
        raise runtime_error(found)
    return found


def _raw(program: cel.Expression, activation: Activation) -> tuple[Any, bool]:
    """The value, or the text of an error; what the library held for it is free on return."""
    try:
        value = program.eval(activation.values)
        found = plain(value)
    except (TypeError, SystemError) as error:  # the library has no Python for optional values
        raise optional_value() from error
    except MemoryError as error:
        raise too_much_memory() from error
    except (RuntimeError, ValueError, OverflowError) as error:
        raise runtime_error(str(error)) from error
    return found, isinstance(found, str) and value.type() == _ERROR
