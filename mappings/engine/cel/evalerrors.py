"""Errors at run time, in words of somebody who writes mappings.

Owns: message and remedy of each error value, as parts of a sentence. Refuses: to evaluate. The
library's texts are those of cel-expr-python 0.1.3 (cel-cpp); one not known here is passed on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from mappings.engine.cel.functions import FUNCTIONS, MARK
from mappings.engine.cel.words import OPTIONAL, OPTIONAL_REMEDY, TAKES, kinds, listed, sign
from mappings.engine.confined import MEMORY_BYTES
from mappings.engine.types import Reason

_STATUS = re.compile(r"^[A-Z_]+: ")
_TRAILER = re.compile(r" \[[A-Z_]+\]$")
_METHOD = re.compile(r"\((.*?)\)\.(\w+)\((.*)\)$")
TOO_MUCH_REMEDY = (
    "build no list or text in a loop over many items: test them with .exists(…), "
    "or have the sender post less"
)


class EvalError(Exception):
    """An expression gave no value; message and remedy are parts of a sentence."""

    def __init__(self, message: str, remedy: str = "", reason: Reason = Reason.MAPPING) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.reason = reason


class Exhausted(EvalError):
    """An expression took more than it may: it is not evaluated again, in whatever form."""


def too_much_memory() -> Exhausted:
    """The error of an expression that memory has no room for."""
    return Exhausted(
        f"it builds more than the {MEMORY_BYTES // 2**20} MiB that mapping a delivery may take",
        TOO_MUCH_REMEDY,
    )


def bare(said: str) -> str:
    """The library's text without its status words."""
    return _TRAILER.sub("", _STATUS.sub("", said.strip()))


def runtime_error(said: str) -> EvalError:
    """The error value whose text is `said`, as an exception."""
    text = bare(said)
    for pattern, error_of in _ERRORS:
        match = pattern.match(text)
        if match:
            return error_of(match)
    return EvalError(text[:1].lower() + text[1:].rstrip("."))


def _refused(match: re.Match[str]) -> EvalError:
    reason, message, remedy = json.loads(match[1])
    return EvalError(message, remedy, Reason(reason))


def _no_member(match: re.Match[str]) -> EvalError:
    key = match[1].strip()
    name = key.strip('"')
    read = f".?{name}" if name.isidentifier() else f"[?{key}]"
    return EvalError(f"there is no member {key}", f'write {read}.orValue("") or ask has(…) first')


def _no_object(_: re.Match[str]) -> EvalError:
    return EvalError(
        "a member is read of something that is no object",
        'ask has(…) first, or read it with .?member.orValue("")',
    )


def _no_item(match: re.Match[str]) -> EvalError:
    return EvalError(
        f"the list has {match[2]} items and no item {match[1]}", "ask its size() first"
    )


def _no_time(_: re.Match[str]) -> EvalError:
    return EvalError(
        "timestamp() cannot read the text", "it takes RFC 3339, such as 2026-01-31T09:30:00Z"
    )


def _over_budget(_: re.Match[str]) -> EvalError:
    return Exhausted(
        "it takes more than the 10,000 steps an expression has", "make smaller events in `events`"
    )


def _no_match(match: re.Match[str]) -> EvalError:
    method = _METHOD.match(match[1])
    if method:
        found = kinds(method[1])
        message = f".{method[2]}() is not for {listed(found)}"
        return EvalError(message, _optional_or(found, "check its type first"))
    name, _, arguments = match[1].partition("(")
    found = kinds(arguments.removesuffix(")"))
    if name in FUNCTIONS:
        message = f"{name}() does not take {listed(found)}"
        return EvalError(message, _optional_or(found, TAKES[name]))
    if not found:
        return EvalError(f"`{sign(name)}` does not take a value of that type", "check its type")
    remedy = "turn one into the other's type with string(…), int(…) or double(…)"
    return EvalError(f"`{sign(name)}` does not take {listed(found)}", _optional_or(found, remedy))


def _optional_or(found: list[str], remedy: str) -> str:
    return OPTIONAL_REMEDY if OPTIONAL in found else remedy


_ERRORS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], EvalError]], ...] = (
    (re.compile(rf"{MARK}(.*)", re.DOTALL), _refused),
    (re.compile(r"Key not found in map : (.*)", re.DOTALL), _no_member),
    (re.compile("Applying SELECT"), _no_object),
    (re.compile(r"Index error: index=(-?\d+) size=(\d+)"), _no_item),
    (re.compile(r"No matching overloads found : (.*)", re.DOTALL), _no_match),
    (re.compile("Iteration budget"), _over_budget),
    (re.compile("String to Timestamp conversion failed"), _no_time),
)
