"""Compile errors of CEL, in the words of mapping authors.

Owns: place, wording and remedy of compile errors. Refuses: to compile. The library's texts are
those of cel-expr-python 0.1.3 (cel-cpp); one not known here is passed on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from mappings.engine.cel.functions import FUNCTIONS
from mappings.engine.cel.runtime_errors import bare
from mappings.engine.cel.text import tokens
from mappings.engine.cel.words import OPTIONAL, OPTIONAL_REMEDY, TAKES, kinds, listed, sign
from mappings.engine.common.suggest import nearest
from mappings.engine.reading.problems import Fault

_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*?)(?=\n \| |\nERROR: |\s*\[[A-Z_]+\]$|$)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']+)' applied to '\((.*)\)'")
_SYNTAX = "Syntax error"
#: How the fault of an unknown name begins: each use of a renamed variable has that one cause.
NO_VARIABLE = "There is no variable"
_DEEP = "The expression is nested too deeply."

_WORDS = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!"}
_CONSTANTS = {"True": "true", "False": "false", "None": "null", "TRUE": "true", "FALSE": "false"}


def compile_faults(output: str, expression: str, variables: Collection[str]) -> tuple[Fault, ...]:
    """The compiler's complaints about `expression`, in which `variables` exist."""
    found = []
    for line, column, message in _ERROR.findall(output):
        offset = _offset(expression, int(line), int(column))
        found.append(_fault(message.strip(), expression, offset, variables))
        if message.startswith(_SYNTAX):
            break  # what follows the first syntax error only echoes it
    if found:
        return tuple(dict.fromkeys(found))
    return (_unknown(bare(output), 0),)


def _offset(expression: str, line: int, column: int) -> int:
    lines = expression.split("\n")
    before = sum(len(text) + 1 for text in lines[: max(line, 1) - 1])
    return max(0, min(before + max(column, 1) - 1, len(expression)))


def _fault(message: str, expression: str, offset: int, variables: Collection[str]) -> Fault:
    if match := _UNDECLARED.match(message):
        if expression[offset : offset + 1] == "(":
            return _no_function(match[1], expression, offset)
        name = match[1].partition(".")[0]  # of `nope.a.b` the compiler names all, at the last dot
        return _no_variable(name, _begin(name, expression, offset), variables)
    if match := _OVERLOAD.match(message):
        return _no_overload(match[1], kinds(match[2]), expression, offset)
    if message.startswith(_SYNTAX):
        return next(_syntax(message, expression, offset))
    return _unknown(message, offset)


def _begin(name: str, expression: str, offset: int) -> int:
    """Where the `name` stands that the compiler complains of at or after it."""
    starts = [token.start for token in tokens(expression) if token.text == name]
    return max((start for start in starts if start <= offset), default=offset)


def _unknown(message: str, offset: int) -> Fault:
    if "recursion" in message:
        return Fault(offset, _DEEP, "Split it with `let`.")
    if "has() argument" in message:
        remedy = "Write has(event.member), or use .?member.orValue(…)."
        return Fault(offset, "has() asks for a member of an object.", remedy)
    if "cannot be the operand of a select operation" in message:
        remedy = "Members are read of payload, event, vars, headers and parts of them."
        return Fault(offset, "A member is read of something that has no members.", remedy)
    return Fault(offset, f"The expression does not compile: {message.rstrip('.')}.", "Rewrite it.")


def _no_function(name: str, expression: str, offset: int) -> Fault:
    place = _begin(name, expression, offset)
    if name in FUNCTIONS:
        return Fault(place, f"{name}() does not take that.", f"{TAKES[name]}.")
    known = nearest(name, FUNCTIONS)
    calls = ", ".join(f"{function}()" for function in FUNCTIONS)
    remedy = f"Write {known}()." if known else f"Beyond CEL's own there are: {calls}."
    return Fault(place, f"There is no function `{name}`.", remedy)


def _no_variable(name: str, offset: int, variables: Collection[str]) -> Fault:
    if name in _CONSTANTS:
        return Fault(offset, f"`{name}` is not CEL.", f"Write {_CONSTANTS[name]}.")
    if name == "event":
        remedy = "`events` makes the events out of payload; use payload."
        return Fault(offset, "There is no `event` here.", remedy)
    known = nearest(name, variables)
    remedy = f"Write {known}; there are: " if known else "There are: "
    return Fault(offset, f"{NO_VARIABLE} `{name}`.", f"{remedy}{', '.join(variables)}.")


def _no_overload(name: str, found: list[str], expression: str, offset: int) -> Fault:
    if name in FUNCTIONS:
        place = _begin(name, expression, offset)
        return Fault(place, f"{name}() does not take {listed(found)}.", f"{TAKES[name]}.")
    if OPTIONAL in found:
        remedy = f"{OPTIONAL_REMEDY[0].upper()}{OPTIONAL_REMEDY[1:]}."
    elif name in {"_==_", "_!=_", "@in"}:
        remedy = "Compare like with like: write numbers bare and texts in quotes, or use id(…)."
    elif name == "_?_:_":
        remedy = "Give both branches of ?: one type; string(…) turns a number into text."
    else:
        remedy = "Turn one side into the other's type with string(…), int(…) or double(…)."
    return Fault(offset, f"`{sign(name)}` does not take {listed(found)}.", remedy)


def _syntax(message: str, expression: str, offset: int) -> Iterator[Fault]:
    """Readings of a syntax error, the most telling first."""
    rest = expression[offset:]
    word = re.match(r"[A-Za-z]*", rest)
    word_text = word[0] if word else ""
    if word_text in _WORDS:
        yield Fault(offset, f"`{word_text}` is not CEL.", f"Write {_WORDS[word_text]}.")
    if rest.startswith("=") and not rest.startswith("=="):
        yield Fault(offset, "`=` is not CEL.", "Write == to compare.")
    if rest[:1] in {"&", "|"}:
        yield Fault(offset, f"`{rest[0]}` is not CEL.", f"Write {rest[0] * 2}.")
    if "${{" in expression:
        start = expression.index("${{")
        yield Fault(start, "This field is plain CEL.", "Write it without ${{ }}.")
    if rest[:1] in {'"', "'"} and "token recognition" in message:
        yield Fault(offset, "A text is opened here and never closed.", "Add the closing quote.")
    if not expression.strip():
        yield Fault(offset, "The expression is empty.", "Write CEL, or remove the key.")
    missing = re.search(r"missing '([^']+)'", message)
    if missing:
        yield Fault(offset, f"A `{missing[1]}` is missing here.", f"Add `{missing[1]}`.")
    if not rest.strip() or "<EOF>' expecting" in message:
        yield Fault(offset, "The expression ends too soon.", "Finish it, or remove what is open.")
    shown = (rest.split() or [""])[0][:20]
    yield Fault(offset, f"`{shown}` cannot stand here.", "Is an operator such as && missing?")
