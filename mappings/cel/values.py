"""A CEL value as plain Python.

Owns: the walk through lists and maps. Refuses: to let cel-expr-python 0.1.3 do that walk itself.
Seen in its py_cel_value.cc (2026-11): it hands out None without taking a reference, so that before
Python 3.12 the process aborts once enough nulls were read; and an optional value inside a map ends
the process (SIGSEGV). So neither a null nor an optional inside anything is ever asked for.
"""

from __future__ import annotations

from typing import Any

from cel_expr_python import cel

from mappings.cel.evalerrors import EvalError

_NULL = cel.Type.NULL
_ERROR = cel.Type.ERROR


def optional_value() -> EvalError:
    """The error of an expression that gives an optional value where a plain one belongs."""
    return EvalError("it gives an optional value", "end it with .orValue(…)")


def plain(value: cel.Value) -> Any:
    """`value` as dict, list, str, int, float, bool, None, datetime, timedelta, bytes or a type.

    Raises EvalError for an optional inside a list or map, and what the library raises for one by
    itself. The text of an error value comes back as text; its type tells.
    """
    return None if (kind := value.type()) == _NULL else _converted(value, kind.name())


def _converted(value: cel.Value, kind: str) -> Any:
    if kind.startswith("LIST"):
        return [_inside(item) for item in value.value()]
    if kind.startswith("MAP"):
        return {key: _inside(item) for key, item in value.value().items()}
    return value.plain_value()


def _inside(value: cel.Value) -> Any:
    kind = value.type()
    if kind == _NULL:
        return None
    if kind == _ERROR:  # what an optional calls itself; an error cannot be inside anything
        raise optional_value()
    return _converted(value, kind.name())
