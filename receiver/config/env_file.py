"""The file `.env`: names and values, exactly as they were copied there.

Owns how a line is read. Refuses to change a value: nothing in it is replaced (`$`, `${HOME}`), and
nothing is cut off at a `#` as shells do; a vendor's secret may hold either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

#: A quoted value ends its line, but for a comment; any other is the line's text to its end.
_LINE = re.compile(
    r"""
    ^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*
    (?: '(?P<single>[^']*)'[ \t]*(?:[ \t]\#[^\n]*)?$
      | "(?P<double>(?:[^"\\]|\\.)*)"[ \t]*(?:[ \t]\#[^\n]*)?$
      | (?P<plain>[^\n]*)$ )
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_ESCAPE = re.compile(r"""\\([nrt"'\\$])""")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_LOOKS_LIKE_A_COMMENT = re.compile(r"(?:^|[ \t])#")


def read_env_file(path: Path | None) -> dict[str, str]:
    """The values by name, the last of each name; none where there is no file.

    Raises OSError or ValueError (not UTF-8) where the file cannot be read.
    """
    return {name: value for name, value, _ in _values(path)}


def doubtful_values(path: Path | None) -> list[str]:
    """A warning for each value that ends in what looks like a comment."""
    return [
        f"{name} in {path} holds a `#` as before a comment, which is part of its value; "
        "put a comment on a line of its own, or the value in quotes if it is meant"
        for name, value, is_quoted in _values(path)
        if not is_quoted and _LOOKS_LIKE_A_COMMENT.search(value)
    ]


def _values(path: Path | None) -> Iterator[tuple[str, str, bool]]:
    """Name, value, and whether the value is quoted."""
    if path is None or not path.is_file():
        return
    text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    for line in _LINE.finditer(text):
        if line["single"] is not None:
            yield line["name"], line["single"], True
        elif line["double"] is not None:
            yield line["name"], _ESCAPE.sub(_unescaped, line["double"]), True
        else:
            yield line["name"], line["plain"].strip(" \t"), False


def _unescaped(escape: re.Match[str]) -> str:
    return _ESCAPED.get(escape[1], escape[1])
