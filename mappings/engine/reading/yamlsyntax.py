"""Syntax errors of YAML, in the words of mapping authors.

Owns: the wording for each of libyaml's complaints, with what to write instead. Refuses: to parse.
"""

from __future__ import annotations

import re
from itertools import islice

import yaml

from mappings.engine.reading.positions import Mark, mark_at
from mappings.engine.types import FileProblem

_QUOTE_ALL = "Put the whole value in single quotes, doubling those inside it."

_UNCLOSED = ("A quote is opened here and never closed.", "Add the closing quote.")

#: By libyaml's complaint, what it means here and what to write instead; the first match counts.
#: The texts are those of libyaml 0.2.5's scanner.c and parser.c.
_COMPLAINTS = {
    "mapping values are not allowed": (
        "A `: ` inside a value reads as a new key.",
        f"{_QUOTE_ALL} If it is meant as a key, line it up with the keys around it.",
    ),
    "block sequence entries are not allowed": (
        "A list cannot begin here.",
        "Begin the list on a line of its own, each item after `- `.",
    ),
    "could not find expected ':'": (
        "This line is neither `key: value` nor part of the value above it.",
        "Add `: ` after the key, or indent the line to go on with the value above.",
    ),
    "unexpected end of stream": _UNCLOSED,
    "unexpected document indicator": _UNCLOSED,
    "unknown escape character": (
        "In double quotes a backslash begins an escape, and this one does not exist.",
        "Use single quotes, or write the backslash twice.",
    ),
    "hexdecimal": (
        "An escape in double quotes lacks its hexadecimal digits.",
        "Use single quotes, or write the backslash twice.",
    ),
    "did not find expected ',' or": (
        "A list in [ ] or a mapping in { } is not closed, or a value in it holds a brace or comma.",
        'Quote values with braces, brackets or commas in them: {customer: "${{ event.x }}"}.',
    ),
    "did not find expected node content": (
        "A value is missing here, or a list in [ ] or a mapping in { } is not closed.",
        "Write the value, or close the bracket.",
    ),
    "did not find expected '-' indicator": (
        "This line does not belong to the list above it.",
        "Indent it as the list's items are, beginning with `- `, or as its keys are.",
    ),
    "did not find expected key": (
        "The indentation fits no key above, or text follows a closing quote.",
        f"Line the key up with its neighbours. {_QUOTE_ALL}",
    ),
    "alphabetic or numeric character": (
        "A value that begins with & or * is taken for an anchor or alias of YAML.",
        _QUOTE_ALL,
    ),
    "directive": (
        "A line that begins with % is a directive of YAML, which mapping files do not use.",
        "Remove the line.",
    ),
    "tag": (
        "A value that begins with ! is taken for a tag of YAML.",
        _QUOTE_ALL,
    ),
    "did not find expected <document start>": (
        "The file goes on after its end.",
        "Indent this line as the keys above, or remove it.",
    ),
    "block scalar": (
        "After | or > only the text's own lines may follow, indented.",
        "Begin the text on the next line, indented with spaces.",
    ),
}

_STARTERS = {
    "\t": ("A tab is used for indentation.", "Indent with spaces."),
    "@": ("A value cannot begin with @.", _QUOTE_ALL),
    "`": ("A value cannot begin with a backquote.", _QUOTE_ALL),
    "%": ("A value cannot begin with %.", _QUOTE_ALL),
}

#: Not printable, or line breaks of YAML 1.1 that no editor shows as such.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def syntax_problem(error: yaml.YAMLError, *, text: str, file: str) -> FileProblem:
    """The problem that libyaml's `error` means, at the place to fix."""
    complaint = str(getattr(error, "problem", None) or error)
    context = str(getattr(error, "context", None) or "")
    mark = getattr(error, "problem_mark", None)
    if "unexpected end of stream" in complaint or "document indicator" in complaint:
        mark = getattr(error, "context_mark", None) or mark
    place = Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark(1, 1)
    message, remedy = _meaning(complaint, context, _character_at(text, place))
    return FileProblem.at(file, place, message, remedy)


def unprintable_problems(text: str, *, file: str, at_most: int = 20) -> tuple[FileProblem, ...]:
    """A problem for each character that has no place in a text file, the first `at_most`."""
    found = []
    for match in islice(_UNPRINTABLE.finditer(text), at_most):
        message = f"There is an invisible character here (U+{ord(match.group()):04X})."
        remedy = "Delete it; editors can show invisible characters."
        found.append(FileProblem.at(file, mark_at(text, match.start()), message, remedy))
    return tuple(found)


def _meaning(complaint: str, context: str, character: str) -> tuple[str, str]:
    if "cannot start any token" in complaint and character in _STARTERS:
        return _STARTERS[character]
    for pattern, meaning in _COMPLAINTS.items():
        if pattern in complaint or (pattern in context and pattern in {"tag", "block scalar"}):
            return meaning
    return f"This is not YAML: {complaint}.", "Check the indentation and quotes of this line."


def _character_at(text: str, place: Mark) -> str:
    lines = text.split("\n")
    if place.line > len(lines):
        return ""
    return lines[place.line - 1][place.column - 1 : place.column]
