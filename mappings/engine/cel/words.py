"""CEL's types and signs in the words of mapping authors.

Owns: the vocabulary that compile errors and run-time errors share. Refuses: sentences.
"""

from __future__ import annotations

OPTIONAL = "an optional value"
OPTIONAL_REMEDY = 'end an optional value with .orValue(…), such as .orValue("")'

#: What each of the engine's functions takes.
TAKES = {
    "id": "id() takes text or a whole number; a floating number or a truth value is never an id",
    "lookup": "lookup() takes texts: table and key, then perhaps a default; "
    'for a number write lookup("table", id(…))',
    "json": "json() takes one text",
    "minor": "minor() takes a whole number of minor units (cents), or the text of one, and a "
    'currency: minor(event.amount, "USD"); write int(…) around a floating number that is whole',
    "nfc": "nfc() takes one text",
    "trim": "trim() takes one text; for a number write id(…)",
    "timestamp": "timestamp() takes one text, or a text and a time zone; for a number write "
    "seconds(…) or millis(…)",
    "millis": "millis() takes one number; for text write millis(int(…))",
    "seconds": "seconds() takes one number; for text write seconds(int(…))",
}

#: Methods of optional values alone.
OF_OPTIONALS = frozenset({"hasValue", "value", "orValue", "or", "optMap", "optFlatMap"})

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
    "*opaque*": OPTIONAL,
    "optional_type": OPTIONAL,
    "type": "a type",
    "dyn": "any value",
}


def noun_of(name: str) -> str:
    """What a value of the type `name` is, such as "a list"."""
    return _TYPES.get(name, "a value")


def kinds(arguments: str) -> list[str]:
    """The types in `string, list(int)` in words, without the parts inside brackets."""
    depth, plain = 0, ""
    for character in arguments:
        depth -= character in ")>"
        plain += character if depth == 0 and character not in "()<>" else ""
        depth += character in "(<"
    return [_TYPES.get(kind.strip(), kind.strip()) for kind in plain.split(",") if kind.strip()]


def sign(name: str) -> str:
    """The sign a reader knows for the library's name of it: `_==_` is `==`."""
    if name in {"_?._", "_[?_]", "_[_]"}:
        return ".member"
    return name.replace("@in", "in").replace("__", "").strip("_") if name else name


def listed(words: list[str]) -> str:
    """The words with `and` between them."""
    return " and ".join(words) if words else "no argument"
