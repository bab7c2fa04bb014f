"""CEL, by Google's own library: compile once at load, evaluate often.

Owns: the environment (variables, extensions, functions), `let` and static types. Refuses: to know
what an expression is for.

Measured of cel-expr-python 0.1.3 (2026-11, one core) with a payload of 1 MiB, 100 events, and 5
rules: the library wraps Python dicts and lists and reads what an expression asks for, so an
activation costs 3 to 5 µs and a condition on `payload[50]` 2 to 5 µs whatever the payload's size.
Nothing is converted an expression; the parsed payload is shared by all of a delivery. The 500
conditions take 3 to 5 ms, less than reading the JSON (20 ms). Turning a whole value of 1 MiB back
into Python (`values.py`) costs up to 0.3 s, which only an `events` that computes its list pays,
once a delivery.
`map` over a list costs the square of its length (1000 items: 50 ms) within a budget of 10,000
steps an expression; `demand.py` bounds the memory that takes. A comprehension over an *object*
goes through its members in an order that differs from process to process: make events out of lists.

A `let` becomes `cel.bind`, which the library evaluates at first use, once an expression: an error
in one is an error exactly where it is used, and `&&` and `||` absorb it as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from types import MappingProxyType

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_optional, ext_strings

from mappings.engine.cel import text as celtext
from mappings.engine.cel.compile_errors import compile_faults
from mappings.engine.cel.expression import Activation, Expression, LenientForm, Programs
from mappings.engine.cel.functions import declarations
from mappings.engine.cel.lenient import WRONG, Lenient
from mappings.engine.cel.native import DOCUMENTS, MINOR, TABLES, native, read_arguments
from mappings.engine.cel.runtime_errors import EvalError
from mappings.engine.common.amounts import WrittenNumbers
from mappings.engine.common.currencies import UNITS
from mappings.engine.common.errors import MappingsError
from mappings.engine.reading.problems import Fault
from mappings.engine.reading.tables import Table

__all__ = ["Activation", "EvalError", "Expression", "ExpressionError", "Language", "Lets"]

_Type = cel.Type

VARIABLES: Mapping[str, cel.Type] = {
    "payload": _Type.DYN,
    "event": _Type.DYN,
    "headers": _Type.Map(_Type.STRING, _Type.STRING),
    "source": _Type.STRING,
    "vars": _Type.Map(_Type.STRING, _Type.DYN),
    "received_at": _Type.TIMESTAMP,
}


_NO_BODY = WrittenNumbers()
#: Variables that only rewritten calls (`native.py`) and lenient forms read.
_OURS = (TABLES, DOCUMENTS, MINOR, WRONG)


class ExpressionError(MappingsError):
    """The expression does not compile; `faults` say where, why and what to write."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Lets:
    """Named expressions in the order written; each may use those before it.

    `checker` is the environment in which they are variables, each of its own type.
    """

    checker: cel.Env
    compiled: Mapping[str, Expression] = field(default_factory=dict)
    types: Mapping[str, cel.Type] = field(default_factory=dict)

    def used_by(self, expression: str) -> tuple[str, ...]:
        """The names `expression` needs, also by way of others, in the order written."""
        needed: set[str] = set()
        waiting = [expression]
        while waiting:
            new = (celtext.names(waiting.pop()) & self.compiled.keys()) - needed
            needed |= new
            waiting += [self.compiled[name].text for name in new]
        return tuple(name for name in self.compiled if name in needed)

    def bound(self, expression: str) -> str:
        """`expression` with the names it needs bound around it, lazily."""
        used = self.used_by(expression)
        opened = "".join(f"cel.bind({name}, {self.compiled[name].text}\n, " for name in used)
        return f"{opened}{expression}\n{')' * len(used)}" if used else expression


class Language:
    """Compiles expressions against one set of look-up tables."""

    def __init__(
        self,
        tables: Mapping[str, Table],
        unreadable: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`unreadable` are tables that could not be loaded, name to file."""
        self.tables = frozenset(tables) | frozenset(unreadable)
        self._rows = {name: dict(table.rows) for name, table in tables.items()}
        #: As an extension: `trim` is a method of the strings extension as well, and only two
        #: extensions may declare functions of one name (0.1.3).
        self._functions = cel.CelExtension("mappings", declarations(tables, unreadable))
        self._runner = self._environment({**VARIABLES, **dict.fromkeys(_OURS, _Type.DYN)})
        before_events = {name: kind for name, kind in VARIABLES.items() if name != "event"}
        self._without_event = Lets(self._environment(before_events))
        self.no_lets = Lets(self._environment(VARIABLES))

    def activation(
        self,
        *,
        payload: object,
        headers: Mapping[str, str],
        source: str,
        variables: Mapping[str, object],
        received_at: datetime,
        event: object = None,
        numbers: WrittenNumbers = _NO_BODY,
        note: Callable[[str], None] | None = None,
    ) -> Activation:
        """The values of one event (or, without `event`, of the delivery) for all expressions."""
        values = {
            "payload": payload,
            "event": event,
            "headers": headers,
            "source": source,
            "vars": variables,
            "received_at": received_at,
            TABLES: self._rows,
            MINOR: UNITS,
            WRONG: {},
        }
        return Activation(self._runner, values, numbers=numbers, note=note)

    def compile(self, expression: str, lets: Lets | None = None) -> Expression:
        """`expression`, type-checked; `lets` may be used in it. Raises ExpressionError."""
        return self._compile(expression, lets or self.no_lets, VARIABLES)

    def compile_events(self, expression: str) -> Expression:
        """An expression that makes the events, so there is no event yet."""
        variables = [name for name in VARIABLES if name != "event"]
        return self._compile(expression, self._without_event, variables)

    def _compile(self, expression: str, lets: Lets, variables: Iterable[str]) -> Expression:
        try:
            kind = lets.checker.compile(expression).return_type().name()
        except RuntimeError as error:
            faults = compile_faults(str(error), expression, (*variables, *lets.types))
            raise ExpressionError(faults) from error
        try:
            programs = self._programs(expression, lets)
        except RuntimeError as error:
            bound = lets.bound(expression)
            raise ExpressionError(_faults_inside(str(error), bound, expression)) from error
        return Expression(
            text=expression,
            kind=kind.partition("<")[0].upper(),
            programs=programs,
            lets={name: lets.compiled[name] for name in lets.used_by(expression)},
            lenient=cache(lambda: self._lenient(expression, lets)),
        )

    def _programs(self, expression: str, lets: Lets) -> Programs:
        """What the text compiles to with the names it uses. Raises RuntimeError."""
        bound, used = lets.bound(expression), lets.used_by(expression)
        documents = [
            (function, giving)
            for text in (
                *(lets.compiled[name].text for name in used),
                expression,
            )
            for function, argument in read_arguments(text)
            if (giving := self._native(lets.bound(argument))) is not None
        ]
        return Programs(
            program=self._runner.compile(bound),
            native=self._native(bound) if native(bound) is not None else None,
            documents=tuple(documents),
        )

    def _lenient(self, expression: str, lets: Lets) -> LenientForm | None:
        """Compiled when it is first asked for: most expressions never give an error."""
        writer = Lenient()
        compiled = {
            name: replace(lets.compiled[name], text=writer.form(lets.compiled[name].text))
            for name in lets.used_by(expression)
        }
        with suppress(RuntimeError):  # too long or too deep once written out
            programs = self._programs(writer.form(expression), replace(lets, compiled=compiled))
            return LenientForm(programs, tuple(writer.asked))
        return None

    def _native(self, bound: str) -> cel.Expression | None:
        with suppress(RuntimeError):  # too deep once written out, or an `exists` names its item
            return self._runner.compile(native(bound) or bound)
        return None

    def lets(self, texts: Mapping[str, str]) -> tuple[Lets, Mapping[str, tuple[Fault, ...]]]:
        """The names of a `let` block, and what is wrong with those that do not compile.

        One with faults keeps its name, of any type, so that its users are not blamed as well.
        """
        faults: dict[str, tuple[Fault, ...]] = {}
        done = self.no_lets
        for name, text in texts.items():
            kind = _Type.DYN
            try:
                compiled = self.compile(text, done)
                if "optional" not in compiled.program.return_type().name():
                    kind = compiled.program.return_type()
            except ExpressionError as error:
                faults[name] = error.faults
                compiled = self.compile("dyn(null)")
            types = {**done.types, name: kind}
            checker = self._environment({**VARIABLES, **types})
            done = Lets(checker, {**done.compiled, name: compiled}, types)
        return done, faults

    def _environment(self, variables: Mapping[str, cel.Type]) -> cel.Env:
        extensions = [
            ext_strings.ExtStrings(),
            ext_optional.ExtOptional(),
            ext_bindings.ExtBindings(),
            self._functions,
        ]
        return cel.NewEnv(variables=dict(variables), extensions=extensions)


def _faults_inside(output: str, bound: str, expression: str) -> list[Fault]:
    """What only shows with the names bound: the true type of one, or too many of them."""
    if "recursion" in output:
        message = "The expression needs too many `let` names, one inside another."
        return [Fault(0, message, "Use fewer, or write some of them out.")]
    start = bound.rindex(expression)
    return [
        Fault(max(fault.offset - start, 0), fault.message, fault.remedy)
        for fault in compile_faults(output, bound, ())
    ]
