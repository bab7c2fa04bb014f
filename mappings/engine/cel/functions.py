"""The functions that expressions have beyond CEL: `FUNCTIONS` lists them.

Owns: what they take, give and refuse. A refusal is an exception whose text carries reason,
message and remedy through the library, which turns it into an error value; so an error that
`||` or `&&` absorbs is no failure, and no state is kept beside the evaluation.

Seen of cel-expr-python 0.1.3 (2026-11): an overload with a DYN parameter never matches at run
time, so each function has an overload for each type it takes; one with a TYPE parameter also
matches optional values and then ends the process (SIGSEGV), so there is none; a text handed back
is cut at its first NUL, so NUL is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cel_expr_python import cel

from mappings.engine.cel.lenient import TIME
from mappings.engine.common.currencies import minor_amount
from mappings.engine.common.errors import InvalidValue, MappingsError, shown
from mappings.engine.common.identifiers import illegible, nfc, trim
from mappings.engine.common.times import parse_time
from mappings.engine.payload import PayloadError, parse_json
from mappings.engine.reading.tables import Table
from mappings.engine.reasons import Reason

FUNCTIONS = ("id", "json", "lookup", "millis", "minor", "nfc", "seconds", "trim")
#: First character of a refusal's text; no error of the library itself begins with it.
MARK = "\x1f"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN_MAX = 100

_Type = cel.Type


class FunctionError(MappingsError):
    """A function does not take this value; the text holds reason, message and remedy."""

    def __init__(self, message: str, remedy: str, reason: Reason = Reason.MAPPING) -> None:
        super().__init__(MARK + json.dumps([reason.value, message, remedy]))


def declarations(
    tables: Mapping[str, Table], unreadable: Mapping[str, str]
) -> list[cel.FunctionDecl]:
    """The functions for an environment in which `lookup` sees `tables`, by name.

    `unreadable` are tables that exist but could not be loaded, name to file: looking up in one is
    `unmapped`, so that a delivery waits for the table instead of failing as a wrong mapping.
    """

    def lookup(table: str, key: str, default: str | None = None) -> str:
        found = tables.get(table)
        if found is None:
            raise _no_table(table, tables, unreadable)
        value = found.rows.get(key, default)
        if value is None:
            message = f"the table {_shown(table)} has no key {_shown(key)}"
            remedy = f"add the key to {found.file}"
            if (fault := illegible(key)) is not None and key:
                message, remedy = f"{message}, and {fault.message}", fault.remedy
            raise FunctionError(message, remedy, Reason.UNMAPPED)
        return value

    text, integers = _Type.STRING, (_Type.INT, _Type.UINT)
    numbers = (*integers, _Type.DOUBLE)
    return [
        _declare("id", _Type.STRING, [[kind] for kind in (text, *integers)], _id),
        _declare("json", _Type.DYN, [[text]], _json),
        _declare("millis", _Type.TIMESTAMP, [[kind] for kind in numbers], _millis),
        _declare("seconds", _Type.TIMESTAMP, [[kind] for kind in numbers], _seconds),
        _declare("lookup", text, [[text, text], [text, text, text]], lookup),
        _declare("minor", text, [[kind, text] for kind in (text, *integers)], _minor),
        _declare("nfc", text, [[text]], lambda value: _without_nul("nfc", nfc(value))),
        _declare("trim", text, [[text]], lambda value: _without_nul("trim", trim(value))),
        _declare("timestamp", _Type.TIMESTAMP, [[text, text]], _time),
        _declare(TIME, _Type.TIMESTAMP, [[text], [_Type.INT], [_Type.TIMESTAMP]], _time),
    ]


def _declare(
    name: str, gives: cel.Type, takes: list[list[cel.Type]], function: Callable[..., Any]
) -> cel.FunctionDecl:
    overloads = [
        cel.Overload(
            "_".join([name, *(kind.name().lower() for kind in parameters)]),
            return_type=gives,
            parameters=parameters,
            impl=function,
        )
        for parameters in takes
    ]
    return cel.FunctionDecl(name, overloads)


def _id(value: str | int) -> str:
    return _without_nul("id", value) if isinstance(value, str) else str(value)


def _without_nul(function: str, text: str) -> str:
    if "\0" in text:
        raise FunctionError(f"{function}() got text with a NUL character", "look at the payload")
    return text


def _minor(count: str | int, currency: str) -> str:
    try:
        return minor_amount(count, currency)
    except InvalidValue as error:
        raise FunctionError(f"minor(): {error.message}", error.remedy) from error


def _time(value: str | int | datetime, zone: str | None = None) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, int):
        return _seconds(value)
    try:
        return parse_time(value, zone)
    except InvalidValue as error:
        raise FunctionError(f"timestamp(): {error.message}", error.remedy) from error


def _json(text: str) -> object:
    try:
        return parse_json(text)
    except PayloadError as error:
        reason = str(error).replace("The body", "the text").rstrip(".")
        raise FunctionError(f"json() cannot read it: {reason}", "look at the payload") from error


def _millis(count: float) -> datetime:
    return _instant("millis", "seconds", count, timedelta(milliseconds=1))


def _seconds(count: float) -> datetime:
    return _instant("seconds", "millis", count, timedelta(seconds=1))


def _instant(name: str, other: str, count: float, unit: timedelta) -> datetime:
    try:
        if not math.isfinite(count):
            raise OverflowError  # noqa: TRY301  # handled as any number out of range
        return _EPOCH + count * unit
    except OverflowError as error:
        raise FunctionError(
            f"{name}({_shown(count)}) is outside the years 1 to 9999",
            f"if that is the unit, use {other}()",
        ) from error


def _no_table(
    name: str, tables: Mapping[str, Table], unreadable: Mapping[str, str]
) -> FunctionError:
    if name in unreadable:
        return FunctionError(
            f"the table {_shown(name)} could not be loaded",
            f"fix {unreadable[name]} as `receiver check` shows",
            Reason.UNMAPPED,
        )
    known = ", ".join(sorted(tables)) or "none"
    return FunctionError(
        f"there is no table {_shown(name)}", f"the tables are: {known}", Reason.UNMAPPED
    )


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
    return shown(text, _SHOWN_MAX)
