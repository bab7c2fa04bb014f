"""Run-time errors of CEL, in the words of mapping authors.

Owns: message and remedy of each error value, as parts of a sentence. Refuses: to evaluate. The
library's texts are those of cel-expr-python 0.1.3 (cel-cpp); one not known here is passed on
without the names that the library has for its own functions and types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from mappings.engine.cel.functions import MARK
from mappings.engine.cel.lenient import WRONG, Asked
from mappings.engine.cel.words import (
    OF_OPTIONALS,
    OPTIONAL,
    OPTIONAL_REMEDY,
    TAKES,
    kinds,
    listed,
    sign,
)
from mappings.engine.common.confined import MEMORY_BYTES
from mappings.engine.common.errors import MappingsError, shown
from mappings.engine.reasons import Reason

_STATUS = re.compile(r"^[A-Z_]+: ")
_TRAILER = re.compile(r" \[[A-Z_]+\]$")
_METHOD = re.compile(r"\((.*?)\)\.(\w+)\((.*)\)$")
TOO_MUCH_REMEDY = (
    "build no list or text in a loop over many items: test them with .exists(…), "
    "or have the sender post less"
)


class EvalError(MappingsError):
    """An expression gave no value; message and remedy are parts of a sentence."""

    def __init__(self, message: str, remedy: str = "", reason: Reason = Reason.MAPPING) -> None:
        super().__init__(message, remedy)
        self.reason = reason


class Exhausted(EvalError):
    """An expression took more than it may: it is not evaluated again, in whatever form."""


def too_much_memory() -> Exhausted:
    """The error of an expression that memory has no room for."""
    return Exhausted(
        f"it builds more than the {MEMORY_BYTES // 2**20} MiB that mapping a delivery may take",
        TOO_MUCH_REMEDY,
    )


def bare(output: str) -> str:
    """The library's text without its status words."""
    return _TRAILER.sub("", _STATUS.sub("", output.strip()))


def runtime_error(output: str) -> EvalError:
    """The error value whose text is `output`, as an exception."""
    text = bare(output)
    for pattern, error_of in _ERRORS:
        match = pattern.match(text)
        if match:
            return error_of(match)
    for plain, (message, remedy) in _PLAIN_ERRORS.items():
        match = re.match(plain, text)
        if match:
            return EvalError(message.format(*match.groups(default="")), remedy)
    known = _INTERNAL.sub("a value", text)
    return EvalError(f"it has no value: {known[:1].lower()}{known[1:].rstrip('.')}")


class NoObject(EvalError):
    """A member is read of a value that is not an object; the lenient form knows which."""

    def __init__(self, number: int, kind: str) -> None:
        super().__init__(_NOT_AN_OBJECT, _ASK_FIRST)
        self.number = number
        self.kind = kind


def no_object(asked: Asked, error: NoObject) -> EvalError:
    """The same with its place, as a reader of the mapping knows it."""
    (kind,) = kinds(error.kind)
    is_optional = "?" in asked.of and not asked.of.endswith(")")
    place = asked.of.replace(".?", ".").replace("[?", "[") if is_optional else asked.of
    plain = f"{asked.of}.orValue({{}})" if is_optional else asked.of
    remedy = f"ask type({plain}) == map first"
    if error.kind == "list":
        remedy = f"read one of its items, such as {place}[0], or {remedy}"
    elif error.kind == "string":
        remedy = f"read it with json({place}) if it is JSON, or {remedy}"
    message = f"`{shown(place)}` is {kind}, not an object: it has no member {asked.member}"
    return EvalError(message, remedy)


def _refused(match: re.Match[str]) -> EvalError:
    reason, message, remedy = json.loads(match[1])
    return EvalError(message, remedy, Reason(reason))


def _no_member(match: re.Match[str]) -> EvalError:
    key = match[1].strip()
    name = key.strip('"')
    read = f".?{name}" if key.startswith('"') and name.isidentifier() else f"[?{key}]"
    return EvalError(f"there is no member {key}", f'write {read}.orValue("") or ask has(…) first')


def _no_object_at_all(match: re.Match[str]) -> EvalError:
    kind = match.groupdict().get("kind")
    of = kinds(kind)[0] if kind else "something that is not an object"
    return EvalError(f"a member is read of {of}", _ASK_FIRST)


def _no_item(match: re.Match[str]) -> EvalError:
    items = "1 item" if match[2] == "1" else f"{match[2]} items"
    return EvalError(f"the list has {items} and no item {match[1]}", "ask its size() first")


def _no_index(match: re.Match[str]) -> EvalError:
    return EvalError(
        f"an item of a list is asked for by {kinds(match[1])[0]}",
        "items have whole numbers, from 0: write the number, or int(…) around it",
    )


def _no_key(match: re.Match[str]) -> EvalError:
    remedy = "members have text for names: write string(…) or id(…) around it"
    return EvalError(f"a member is asked for by {kinds(match[1])[0]}", remedy)


def _over_budget(_: re.Match[str]) -> EvalError:
    return Exhausted(
        "it takes more than the 10,000 steps an expression has", "make smaller events in `events`"
    )


def _no_match(match: re.Match[str]) -> EvalError:
    method = _METHOD.match(match[1])
    if method:
        return _no_method(method[2], kinds(method[1]), kinds(method[3]))
    name, _, arguments = match[1].partition("(")
    found = kinds(arguments.removesuffix(")"))
    if name in _OF_NO_OBJECT:
        message = f"a member is read of {found[0]}" if found else _NOT_AN_OBJECT
        return EvalError(message, _optional_or(found, _ASK_FIRST))
    if name in _NO_VALUE_FOR:
        return EvalError(*_NO_VALUE_FOR[name])
    if name in TAKES:
        message = f"{name}() does not take {listed(found)}"
        return EvalError(message, _optional_or(found, TAKES[name]))
    if not found:
        return EvalError(f"`{sign(name)}` does not take a value of that type", _ASK_TYPE)
    remedy = "turn one into the other's type with string(…), int(…) or double(…)"
    if len(found) == 1:
        remedy = _ASK_TYPE
    return EvalError(f"`{sign(name)}` does not take {listed(found)}", _optional_or(found, remedy))


def _no_method(name: str, of: list[str], given: list[str]) -> EvalError:
    if name in OF_OPTIONALS:
        remedy = f"only .?member and [?key] give what .{name}() is for: leave it out"
        return EvalError(f".{name}() is not for {listed(of)}", remedy)
    message = f".{name}() is not for {listed(of)}"
    if given and (of in (["text"], ["a timestamp"]) or (name == "join" and of == ["a list"])):
        message = f".{name}() of {listed(of)} does not take {listed(given)}"
    return EvalError(message, _optional_or([*of, *given], _ASK_TYPE))


def _optional_or(found: list[str], remedy: str) -> str:
    return OPTIONAL_REMEDY if OPTIONAL in found else remedy


def _unreadable(match: re.Match[str]) -> EvalError:
    name = match[1].lower()
    return EvalError(f"{name}() cannot read the value", _READABLE.get(name, _ASK_TYPE))


_ASK_TYPE = "ask its type first, such as type(event.member) == string"
_ASK_FIRST = "ask type(…) == map of it first: only an object has members"
_READABLE = {
    "int": "int() reads decimal digits, such as 12",
    "uint": "uint() reads decimal digits, such as 12",
    "double": "double() reads a number, such as 1.5",
    "bool": "bool() reads true and false",
    "duration": "duration() reads text such as 90s, 1.5h or 1h30m",
}
_OF_NO_OBJECT = frozenset({"_?._", "_[?_]", "_[_]"})
_NOT_AN_OBJECT = "a member is read of a value that is not an object"
_CONDITION = "write a comparison, such as event.member == true"
#: Where the library names no types.
_NO_VALUE_FOR = {
    "<iter_range>": (
        "a loop such as .exists(…) or .map(…) goes through a value that is not a list",
        "ask type(…) == list of it first",
    ),
    "<jump_condition>": ("the condition before `?` is neither true nor false", _CONDITION),
    "_&&_": ("a side of `&&` is neither true nor false", _CONDITION),
    "_||_": ("a side of `||` is neither true nor false", _CONDITION),
    "!_": ("the operand of `!` is neither true nor false", _CONDITION),
    "@in": (
        "the right side of `in` is neither a list nor an object",
        "ask type(…) == list of it first; for a part of a text write .contains(…)",
    ),
    "join": (
        ".join() is for a list of texts, and an item is not a text",
        "turn the items into texts with .map(item, string(item))",
    ),
    "or": (".or() takes another optional value", "write .orValue(…) for a plain one"),
}
#: Names of the library for functions, types and places, in a text that is not known here.
_INTERNAL = re.compile(r"@\w+|<[^<>]*>|\b_\S*_\b|_[^\s\w]+_|\*\w+\*|\b\w+_type\b|\bgoogle\.\S+")

_ERRORS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], EvalError]], ...] = (
    (re.compile(rf"{MARK}(.*)", re.DOTALL), _refused),
    (
        re.compile(rf'Key not found in map : "{WRONG} (\d+) (.+)"'),
        lambda match: NoObject(int(match[1]), match[2]),
    ),
    (re.compile(r"Key not found in map : (.*)", re.DOTALL), _no_member),
    (re.compile("Applying SELECT"), _no_object_at_all),
    (re.compile("Invalid container type: '(?P<kind>.*)'"), _no_object_at_all),
    (re.compile("Invalid map key type: '(.*)'"), _no_key),
    (re.compile(r"Index error: index=(-?\d+) size=(\d+)"), _no_item),
    (re.compile(r"Index error: expected integer type, got (.*)"), _no_index),
    (re.compile(r"No matching overloads found : (.*)", re.DOTALL), _no_match),
    (re.compile("Iteration budget"), _over_budget),
    (re.compile("String to (Duration) conversion failed"), _unreadable),
    (re.compile("(?i:type conversion error) from '.*' to '(.*)'"), _unreadable),
    (re.compile(r"cannot convert \w+ to (\w+)"), _unreadable),
)

#: Errors with one remedy each; a message may quote the groups of its pattern, as `{0}`.
_PLAIN_ERRORS: Mapping[str, tuple[str, str]] = {
    "(?i:String to Timestamp conversion failed|timestamp overflow)": (
        "timestamp() cannot read the value",
        "it takes a time such as 2026-01-31T09:30:00Z",
    ),
    r"duplicate key in map": (
        "the object that is written out has one member twice",
        "leave one of them out",
    ),
    r"optional\.none\(\) dereference": (
        ".value() is asked of what is absent",
        "write .orValue(…) in its place",
    ),
    r"<string>\.(\w+)\(|index out of range": (
        "a position lies outside the text",
        "ask its size() first",
    ),
    r"index \d+ out of range": (
        ".format() has fewer values than its text asks for",
        "give one for each %",
    ),
    r"unrecognized formatting clause \"(.*)\"": (
        ".format() does not know %{0}",
        "write %s for any value",
    ),
    r"\w+ clause can only be used on .*": (
        ".format() has a value that its % is not for",
        "write %s for any value",
    ),
    "(divide|modulus) by zero": (
        "it divides by zero",
        "ask for 0 first, such as n == 0 ? 0 : 1 / n",
    ),
    "invalid regular expression: (.*)": (
        "the regular expression of .matches() is wrong: {0}",
        "correct it (RE2 syntax)",
    ),
    "malformed UTF-8 bytes": (
        "string() cannot read the bytes: they are not UTF-8",
        "look at the payload",
    ),
    "Invalid timezone": (
        "there is no time zone of that name",
        "write one such as Europe/Berlin or +02:00",
    ),
    "(?i:Duration .* (above|below) |Duration is out of range|duration overflow)": (
        "a duration is beyond the 10,000 years that it can have",
        "look at the payload",
    ),
    r"(.*\b)?(overflow|underflow|out of u?int\d* range|out of range)\b": (
        "a number is beyond the 64 bits that it can have",
        "compare it as text, with id(…)",
    ),
}
