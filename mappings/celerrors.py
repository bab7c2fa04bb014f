"""What the CEL library says, in words of somebody who writes mappings.

Owns: the wording of compile errors and of errors at run time, each with what to write instead.
Refuses: to evaluate anything. The library's texts are those of cel-expr-python 0.1.3 (cel-cpp);
what is not known here is passed on as the library says it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass

from mappings.functions import FUNCTIONS, MARK
from mappings.types import Reason
from mappings.wording import nearest


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an expression at `offset` characters from its beginning."""

    offset: int
    message: str
    remedy: str


class EvalError(Exception):
    """An expression gave no value; message and remedy are parts of a sentence."""

    def __init__(self, message: str, remedy: str = "", reason: Reason = Reason.MAPPING) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.reason = reason


_COMPILE = re.compile(
    r"ERROR: <input>:(-?\d+):(-?\d+): (.*?)(?=\n \| |\nERROR: |\s*\[[A-Z_]+\]$|$)"
)
_STATUS = re.compile(r"^[A-Z_]+: ")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']+)' applied to '\((.*)\)'")
_NO_MATCH = re.compile(r"No matching overloads found : (.*)")
_MISSING_KEY = re.compile(r"Key not found in map : (.*)", re.DOTALL)
_INDEX = re.compile(r"Index error: index=(-?\d+) size=(\d+)")

_WORDS = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!"}
_CONSTANTS = {"True": "true", "False": "false", "None": "null", "TRUE": "true", "FALSE": "false"}
_TYPES = {
    "string": "text",
    "int": "a whole number",
    "int64": "a whole number",
    "uint": "a whole number beyond 2^63",
    "uint64": "a whole number beyond 2^63",
    "double": "a floating number",
    "bool": "true or false",
    "bytes": "bytes",
    "null": "null",
    "null_type": "null",
    "list": "a list",
    "map": "an object",
    "timestamp": "a timestamp",
    "google.protobuf.Timestamp": "a timestamp",
    "duration": "a duration",
    "google.protobuf.Duration": "a duration",
    "*opaque*": "an optional value",
    "optional_type": "an optional value",
    "type": "a type",
    "dyn": "any value",
}
_OPTIONAL_REMEDY = 'end an optional value with .orValue(…), such as .orValue("")'
_TAKES = {
    "id": "id() takes text or a whole number; a floating number or a truth value never is an id",
    "lookup": "lookup() takes texts: table and key, then perhaps a default; "
    'for a number write lookup("table", id(…))',
    "json": "json() takes one text",
    "millis": "millis() takes one number; for text write millis(int(…))",
    "seconds": "seconds() takes one number; for text write seconds(int(…))",
}


def compile_faults(said: str, expression: str, variables: Collection[str]) -> tuple[Fault, ...]:
    """What the compiler says about `expression`, in which `variables` exist."""
    found = []
    for line, column, message in _COMPILE.findall(said):
        offset = _offset(expression, int(line), int(column))
        found.append(_compile_fault(message.strip(), expression, offset, variables))
        if message.startswith("Syntax error"):
            break  # what follows the first syntax error only echoes it
    if found:
        return tuple(dict.fromkeys(found))
    if "recursion" in said:
        return (Fault(0, "The expression is nested too deeply.", "Split it with `let`."),)
    return (Fault(0, f"The expression does not compile: {_bare(said)}.", "Rewrite it."),)


def _offset(expression: str, line: int, column: int) -> int:
    lines = expression.split("\n")
    before = sum(len(text) + 1 for text in lines[: max(line, 1) - 1])
    return max(0, min(before + max(column, 1) - 1, len(expression)))


def _compile_fault(message: str, expression: str, offset: int, variables: Collection[str]) -> Fault:
    if match := _UNDECLARED.match(message):
        return _undeclared(match[1], expression, offset, variables)
    if match := _OVERLOAD.match(message):
        return _no_overload(match[1], match[2], expression, offset)
    if message.startswith("Syntax error"):
        return _syntax(message, expression, offset)
    if "recursion" in message:
        return Fault(offset, "The expression is nested too deeply.", "Split it with `let`.")
    if "has() argument" in message:
        remedy = "Write has(event.member), or use .?member.orValue(…)."
        return Fault(offset, "has() asks for a member of an object.", remedy)
    if "cannot be the operand of a select operation" in message:
        return Fault(
            offset,
            "A member is read of something that has no members.",
            "Members are read of payload, event, vars, headers and parts of them.",
        )
    return Fault(offset, f"The expression does not compile: {message.rstrip('.')}.", "Rewrite it.")


def _undeclared(name: str, expression: str, offset: int, variables: Collection[str]) -> Fault:
    if name in _CONSTANTS:
        return Fault(offset, f"`{name}` is not CEL.", f"Write {_CONSTANTS[name]}.")
    if expression[offset : offset + 1] == "(":
        start = expression.rfind(name, 0, offset + 1)
        place = start if start >= 0 else offset
        known = nearest(name, FUNCTIONS)
        if name in FUNCTIONS:
            return Fault(place, f"{name}() does not take that.", f"{_TAKES[name]}.")
        remedy = f"Write {known}()." if known else f"Beyond CEL's own there are: {_listed_calls()}."
        return Fault(place, f"There is no function `{name}`.", remedy)
    if name in {"event", "events"}:
        remedy = "`events` makes the events out of payload; use payload."
        return Fault(offset, f"There is no `{name}` here.", remedy)
    if name in {"body", "data", "request"}:
        return Fault(offset, f"There is no variable `{name}`.", "Write payload or event.")
    known = nearest(name, variables)
    remedy = f"Write {known}; " if known else ""
    remedy += f"{'there are' if known else 'There are'}: {', '.join(variables)}."
    return Fault(offset, f"There is no variable `{name}`.", remedy)


def _listed_calls() -> str:
    return ", ".join(f"{name}()" for name in FUNCTIONS)


def _no_overload(name: str, arguments: str, expression: str, offset: int) -> Fault:
    kinds = _kinds(arguments)
    sign = _sign(name)
    if name in FUNCTIONS:
        start = max(expression.rfind(name, 0, offset + 1), 0)
        return Fault(start, f"{name}() does not take {_and(kinds)}.", f"{_TAKES[name]}.")
    if any(kind == "an optional value" for kind in kinds):
        remedy = f"{_OPTIONAL_REMEDY[0].upper()}{_OPTIONAL_REMEDY[1:]}."
    elif name in {"_==_", "_!=_", "@in"}:
        remedy = "Compare like with like: write numbers bare and texts in quotes, or use id(…)."
    elif name == "_?_:_":
        remedy = "Give both branches of ?: one type; string(…) turns a number into text."
    else:
        remedy = "Turn one side into the other's type with string(…), int(…) or double(…)."
    return Fault(offset, f"`{sign}` does not take {_and(kinds)}.", remedy)


def _syntax(message: str, expression: str, offset: int) -> Fault:
    rest = expression[offset:]
    word = re.match(r"[A-Za-z]+", rest)
    if word and word[0] in _WORDS:
        return Fault(offset, f"`{word[0]}` is not CEL.", f"Write {_WORDS[word[0]]}.")
    if rest.startswith("=") and not rest.startswith("=="):
        return Fault(offset, "`=` is not CEL.", "Write == to compare.")
    if rest[:1] in {"&", "|"}:
        return Fault(offset, f"`{rest[0]}` is not CEL.", f"Write {rest[0] * 2}.")
    if "${{" in expression:
        start = expression.index("${{")
        return Fault(start, "This field is CEL as it stands.", "Write it without ${{ }}.")
    if rest[:1] in {'"', "'"} and "token recognition" in message:
        return Fault(offset, "A text is opened here and never closed.", "Add the closing quote.")
    if not expression.strip():
        return Fault(offset, "The expression is empty.", "Write CEL, or remove the key.")
    if match := re.search(r"missing '([^']+)'", message):
        return Fault(offset, f"A `{match[1]}` is missing here.", f"Add `{match[1]}`.")
    if not rest.strip() or "<EOF>' expecting" in message:
        return Fault(offset, "The expression ends too soon.", "Finish it, or remove what is open.")
    shown = rest.split()[0][:20]
    return Fault(offset, f"`{shown}` cannot stand here.", "Is an operator such as && missing?")


def runtime_error(said: str) -> EvalError:
    """The error value whose text is `said`, as an exception."""
    text = _bare(said)
    if text.startswith(MARK):
        reason, message, remedy = json.loads(text[1:])
        return EvalError(message, remedy, Reason(reason))
    if match := _MISSING_KEY.match(text):
        key = match[1].strip()
        name = key.strip('"')
        member = f".?{name}" if name.isidentifier() else f"[?{key}]"
        return EvalError(
            f"there is no member {key}", f'write {member}.orValue("") or ask has(…) first'
        )
    if text.startswith("Applying SELECT"):
        return EvalError(
            "a member is read of something that is no object",
            'ask has(…) first, or read it with .?member.orValue("")',
        )
    if match := _INDEX.match(text):
        return EvalError(
            f"the list has {match[2]} items and no item {match[1]}", "ask its size() first"
        )
    if match := _NO_MATCH.match(text):
        return _no_match(match[1])
    if "Iteration budget" in text:
        return EvalError(
            "it takes more than the 10,000 steps an expression has",
            "split the events with `events`",
        )
    return EvalError(text[:1].lower() + text[1:].rstrip("."))


def _no_match(call: str) -> EvalError:
    name, _, arguments = call.partition("(")
    receiver = re.match(r"\((.*?)\)\.(\w+)\((.*)\)$", call)
    if receiver:
        kinds = _kinds(receiver[1])
        return EvalError(
            f".{receiver[2]}() is not for {_and(kinds)}",
            _optional_or(kinds, "check its type first"),
        )
    kinds = _kinds(arguments.removesuffix(")"))
    if name in FUNCTIONS:
        return EvalError(f"{name}() does not take {_and(kinds)}", _optional_or(kinds, _TAKES[name]))
    if not kinds:
        return EvalError(f"`{_sign(name)}` does not take a value of that type", "check its type")
    return EvalError(
        f"`{_sign(name)}` does not take {_and(kinds)}",
        _optional_or(kinds, "turn one into the other's type with string(…), int(…) or double(…)"),
    )


def _optional_or(kinds: list[str], remedy: str) -> str:
    return _OPTIONAL_REMEDY if "an optional value" in kinds else remedy


def _bare(said: str) -> str:
    return re.sub(r" \[[A-Z_]+\]$", "", _STATUS.sub("", said.strip()))


def _sign(name: str) -> str:
    return name.replace("@in", "in").replace("_", "").replace("[?]", "[?…]") or name


def _kinds(arguments: str) -> list[str]:
    """Types in words; the parts inside `list(…)` and the like are left out."""
    depth, plain = 0, ""
    for character in arguments:
        depth -= character in ")>"
        plain += character if depth == 0 and character not in ")>" else ""
        depth += character in "(<"
    kinds = [part.strip().rstrip("(<").strip() for part in plain.split(",")]
    return [_TYPES.get(kind, kind) for kind in kinds if kind]


def _and(kinds: list[str]) -> str:
    return " and ".join(kinds) if kinds else "no argument"
