"""A CEL value as plain Python.

Owns: the walk through lists and maps, and how much it may find. Refuses: to let cel-expr-python
0.1.3 do that walk itself. Seen in its py_cel_value.cc (2026-11): it hands out None without taking
a reference, so that before Python 3.12 the process aborts once enough nulls were read; and an
optional value inside a map ends the process (SIGSEGV). So neither a null nor an optional inside
anything is ever asked for.
"""

from __future__ import annotations

from typing import Any

from cel_expr_python import cel

from mappings.engine.cel.runtime_errors import EvalError, Exhausted

#: Characters and bytes of one result, each value counted for EACH more: a list that repeats a
#: long text for each of its items would else take gigabytes out of a body of 1 MiB.
LARGEST = 64 * 1024 * 1024
EACH = 16

_NULL = cel.Type.NULL
_ERROR = cel.Type.ERROR


def optional_value() -> EvalError:
    """The error of an expression that gives an optional value where a plain one belongs."""
    return EvalError("it gives an optional value", "end it with .orValue(…)")


def plain(value: cel.Value) -> Any:
    """`value` as dict, list, str, int, float, bool, None, datetime, timedelta, bytes or a type.

    Raises EvalError for an optional inside a list or map, for more than `LARGEST`, and what the
    library raises for an optional by itself. The text of an error value comes back as text; its
    type tells.
    """
    return None if (kind := value.type()) == _NULL else _Walk().converted(value, kind.name())


class _Walk:
    """One walk through a value, and how much of it may still come."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = LARGEST

    def converted(self, value: cel.Value, kind: str) -> Any:
        if kind.startswith("LIST"):
            return [self._inside(item) for item in value.value()]
        if kind.startswith("MAP"):
            return {key: self._inside(item) for key, item in value.value().items()}
        found = value.plain_value()
        self._left -= EACH + (len(found) if isinstance(found, str | bytes) else 0)
        if self._left < 0:
            raise Exhausted(
                f"it gives more than {LARGEST // 2**20} MiB", "pick what the rules need"
            )
        return found

    def _inside(self, value: cel.Value) -> Any:
        kind = value.type()
        if kind == _NULL:
            return None
        if kind == _ERROR:  # what an optional calls itself; an error cannot be inside anything
            raise optional_value()
        return self.converted(value, kind.name())
