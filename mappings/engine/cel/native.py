"""Calls of the engine's own functions, rewritten in plain CEL.

Owns: that text. `json`, `nfc` and `trim` become look-ups in what was read before, keyed by the
arguments of their calls; for ASCII the latter two need no look-up. Refuses: to decide. A call that
plain CEL cannot answer is an error, and then the function itself (`functions.py`) answers or
explains; so what is written here need only be right when it gives a value.

Why: cel-expr-python 0.1.3 never gives back the arguments and the result of a Python function
(py_cel_function.cc, 2026-11). Measured, `lookup("t", id(x))` loses 270 bytes each time, which is
gigabytes a day in a busy worker; this loses none, and takes no longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from mappings.engine.cel import text as celtext
from mappings.engine.cel.lenient import TIME
from mappings.engine.cel.text import Token
from mappings.engine.common.times import ZONE_MARK

#: The variable that holds every table's rows, by the table's name.
TABLES = "__tables"
#: Functions of a text whose answers are worked out before, for the texts that their calls name.
READ = ("json", "nfc", "trim", "timestamp")
#: The variable that holds what a function in READ gives, by its name and the text it is given.
DOCUMENTS = "__documents"
#: The variable that holds how many minor units a major unit has, by currency.
MINOR = "__minor"
_VALUE = "__value"
_UNIT = "__unit"
#: Text in which the blank alone can be white space, and which has one form.
_ASCII = '"^[ -~]*$"'
_NO_VALUE = "dyn(string(dyn([])))"
#: Those of one text; `timestamp` with a zone is read by both, joined.
_OF_TEXT = frozenset({"json", "nfc", "trim"})


_READING = frozenset({*READ, TIME})


def native(expression: str) -> str | None:
    """`expression` without calls of our functions; None if it has none that can be written."""
    if any(name in expression for name in (TABLES, DOCUMENTS, MINOR, _VALUE, _UNIT)):
        return None
    written = _written(expression)
    return None if written == expression else written


def read_arguments(expression: str) -> Iterator[tuple[str, str]]:
    """The calls of functions in READ: name and argument, the inner calls before the outer ones."""
    found = celtext.tokens(expression)
    for index, token in enumerate(found):
        closing = _call(found, index) if token.text in _READING else None
        if closing is not None:
            arguments = _arguments(expression, found[index + 2 : closing])
            for argument in arguments:
                yield from read_arguments(argument)
            if token.text in _OF_TEXT:
                yield from ((token.text, argument) for argument in arguments)
            elif token.text == TIME:
                yield from (("timestamp", argument) for argument in arguments)
            elif len(arguments) == 2:  # noqa: PLR2004 - the text and its zone
                yield "timestamp", _text_and_zone(*arguments)


def _written(text: str) -> str:
    found = celtext.tokens(text)
    done: list[str] = []
    position = index = 0
    while index < len(found):
        closing = _call(found, index)
        if closing is not None:
            arguments = _arguments(text, found[index + 2 : closing])
            form = _FORMS.get((found[index].text, len(arguments)))
            plain = form(*map(_written, arguments)) if form is not None else None
            if plain is not None:
                done += [text[position : found[index].start], plain]
                position = found[closing].end
                index = closing
        index += 1
    return "".join([*done, text[position:]])


def _call(found: Sequence[Token], index: int) -> int | None:
    """Where the call ends that begins at `index`; None if it is no call."""
    name = found[index]
    before = found[index - 1].text if index else ""
    following = found[index + 1].text if index + 1 < len(found) else ""
    if name.kind != "name" or before == "." or following != "(":
        return None
    return celtext.closing(found, index + 1)


def _arguments(text: str, inside: Sequence[Token]) -> list[str]:
    """The arguments between a call's brackets, without blanks and comments around them."""
    groups = celtext.arguments(inside)
    return [text[group[0].start : group[-1].end] for group in groups]


def _id(value: str) -> str:
    whole = f"type({_VALUE}) == int || type({_VALUE}) == uint"
    text = f"type({_VALUE}) == string ? {_VALUE} : {whole} ? dyn(string({_VALUE})) : {_NO_VALUE}"
    return f"cel.bind({_VALUE}, dyn({value}), {text})"


def _instant(count: str, moment: str) -> str:
    of_whole = f"type({_VALUE}) == int ? dyn({moment}) : {_NO_VALUE}"
    return f"cel.bind({_VALUE}, dyn({count}), {of_whole})"


def _time(text: str) -> str:
    """As the function that reads it writes it, for CEL's own; a number or moment is as it was."""
    read = f'timestamp({DOCUMENTS}["timestamp"][{_VALUE}])'
    return (
        f"cel.bind({_VALUE}, dyn({text}), type({_VALUE}) == string ? {read} : timestamp({_VALUE}))"
    )


def _time_in_zone(text: str, zone: str) -> str:
    return f'timestamp({DOCUMENTS}["timestamp"][{_text_and_zone(text, zone)}])'


def _text_and_zone(text: str, zone: str) -> str:
    return f'({text}) + "\\u{ord(ZONE_MARK):04x}" + ({zone})'


def _lookup_or(table: str, key: str, default: str) -> str | None:
    """Only with a default written out: any other might be no text."""
    if [token.kind for token in celtext.tokens(default)] != ["string"]:
        return None
    found = f"{TABLES}[{table}][?{_VALUE}].orValue({default})"
    text = f"type({_VALUE}) == string ? dyn({found}) : {_NO_VALUE}"
    return f"cel.bind({_VALUE}, dyn({key}), {text})"


def _read_unless_ascii(function: str, text: str, plain: str) -> str:
    is_ascii = f"type({_VALUE}) == string && {_VALUE}.matches({_ASCII})"
    read = f'{DOCUMENTS}["{function}"][{_VALUE}]'
    return f"cel.bind({_VALUE}, dyn({text}), {is_ascii} ? dyn({plain}) : dyn({read}))"


def _minor(count: str, currency: str) -> str:
    """Of a whole number: its quotient, and its remainder behind the point with all its zeros."""
    unit = f"{MINOR}[{currency}]"
    decimals = f"string({_VALUE} % {_UNIT} + {_UNIT}).substring(1)"
    text = f'string({_VALUE} / {_UNIT}) + ({_UNIT} == 1 ? "" : "." + {decimals})'
    digits = f"string(int({_VALUE})) == {_VALUE} ? dyn(int({_VALUE})) : {_NO_VALUE}"
    number = f"type({_VALUE}) == string ? ({digits}) : {_VALUE}"
    whole = f"type({_VALUE}) == int && {_VALUE} >= 0 ? dyn({text}) : {_NO_VALUE}"
    of_unit = f"cel.bind({_UNIT}, int({unit}), {whole})"
    return f"cel.bind({_VALUE}, dyn({count}), cel.bind({_VALUE}, dyn({number}), {of_unit}))"


_FORMS: Mapping[tuple[str, int], Callable[..., str | None]] = {
    ("id", 1): _id,
    ("json", 1): lambda text: f'{DOCUMENTS}["json"][{text}]',
    ("millis", 1): lambda count: _instant(
        count, f'timestamp(0) + duration(string({_VALUE}) + "ms")'
    ),
    ("seconds", 1): lambda count: _instant(count, f"timestamp({_VALUE})"),
    (TIME, 1): _time,
    ("timestamp", 2): _time_in_zone,
    ("minor", 2): _minor,
    ("nfc", 1): lambda text: _read_unless_ascii("nfc", text, _VALUE),
    ("trim", 1): lambda text: _read_unless_ascii("trim", text, f"{_VALUE}.trim()"),
    ("lookup", 2): lambda table, key: f"{TABLES}[{table}][{key}]",
    ("lookup", 3): _lookup_or,
}
