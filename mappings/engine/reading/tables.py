"""Look-up tables: `tables/NAME.yaml` or `tables/NAME.csv`, text to text.

Owns: reading them strictly, each under a version that is the SHA-256 of its bytes. Refuses: keys
or values that are not strings (`8001` is not "8001"), empty or padded ones (they would match
nothing, or bill to a blank), a key twice, and two files for one name.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType

from mappings.engine.common.errors import shown
from mappings.engine.common.identifiers import illegible
from mappings.engine.reading.positions import Mark
from mappings.engine.reading.yamlfile import CANNOT_BE_READ, UNREADABLE, parse
from mappings.engine.types import FileProblem

FOLDER = "tables"
CSV_BYTES_MAX = 8 * 1024 * 1024
PROBLEMS_MAX = 20

_HEADER = ["key", "value"]
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: `lookup("name", key)` reads `rows`; `version` is the SHA-256 of its file."""

    name: str
    file: str
    version: str
    rows: Mapping[str, str]


def is_table(file: str) -> bool:
    """Whether `file`, relative to the mappings, is a table: one of `tables/*.yaml|csv`."""
    path = PurePosixPath(file)
    return str(path.parent) == FOLDER and path.suffix in {".yaml", ".csv"}


def table_name(file: str) -> str:
    """The name by which `lookup` knows the table in `file`."""
    return PurePosixPath(file).stem


def read_table(file: str, body: bytes) -> Table | tuple[FileProblem, ...]:
    """The table in `file`, or what is wrong with it (the first 20 things)."""
    name = table_name(file)
    if not _NAME.fullmatch(name):
        message = f"`{name}` is not a valid table name."
        return (FileProblem.at(file, None, message, "Use letters, digits, - and _."),)
    rows = _yaml_rows if file.endswith(".yaml") else _csv_rows
    table: dict[str, str] = {}
    problems: list[FileProblem] = []
    for row in rows(file, body):
        if isinstance(row, FileProblem):
            problems.append(row)
        else:
            table[row[0]] = row[1]
        if len(problems) == PROBLEMS_MAX:
            break
    if problems:
        return tuple(problems)
    version = hashlib.sha256(body).hexdigest()
    return Table(name=name, file=file, version=version, rows=MappingProxyType(table))


def clashes(files: Iterable[str]) -> tuple[FileProblem, ...]:
    """A problem for each file that claims the name of an earlier one."""
    first: dict[str, str] = {}
    problems = []
    for file in sorted(files):
        holder = first.setdefault(table_name(file), file)
        if holder != file:
            message = f"The table `{table_name(file)}` is already in {holder}."
            problems.append(FileProblem.at(file, None, message, "Keep one of the two files."))
    return tuple(problems)


def _yaml_rows(file: str, body: bytes) -> Iterator[tuple[str, str] | FileProblem]:
    read = parse(body, file=file)
    if read.problems:
        yield from read.problems
        return
    if not isinstance(read.data, dict):
        place = read.positions.value(())
        yield FileProblem.at(
            file, place, "A table is a mapping of texts.", 'Write lines of "key": value.'
        )
        return
    for key, value in read.data.items():
        place = read.positions.value((key,))
        if not isinstance(value, str):
            written = read.positions.written.get((key,))
            yield _not_text(file, place, key, written)
        else:
            yield from _checked(file, place, key, value)


def _not_text(file: str, place: Mark, key: str, written: str | None) -> FileProblem:
    message = f"The value of `{shown(key)}` must be a string."
    if not written:
        return FileProblem.at(file, place, message, "Write one text after the colon.")
    return FileProblem.at(file, place, message, f'Put it in quotes: "{shown(written)}".')


def _csv_rows(file: str, body: bytes) -> Iterator[tuple[str, str] | FileProblem]:
    if body == UNREADABLE:
        yield FileProblem.at(file, None, *CANNOT_BE_READ)
        return
    if len(body) > CSV_BYTES_MAX:
        yield FileProblem.at(file, None, "The file is larger than 8 MiB.", "Split the table.")
        return
    try:
        text = body.decode("utf-8-sig")  # spreadsheets write the mark
    except UnicodeDecodeError as error:
        place = Mark(body.count(b"\n", 0, error.start) + 1, 1)
        yield FileProblem.at(file, place, "The file is not UTF-8 here.", "Save it as CSV UTF-8.")
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from _csv_lines(file, ((reader.line_num, fields) for fields in reader))
    except csv.Error as error:
        place = Mark(max(reader.line_num, 1), 1)
        yield FileProblem.at(
            file, place, f"This is not valid CSV: {error}.", "Fix the quotes on this line."
        )


def _csv_lines(
    file: str, lines: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[str, str] | FileProblem]:
    _, header = next(lines, (1, []))
    if header != _HEADER:
        written = shown(",".join(header))
        message = f"The first line is `{written}`, expected `key,value`."
        remedy = "Make the first line `key,value`, with a comma."
        yield FileProblem.at(file, Mark(1, 1), message, remedy)
        return
    seen: dict[str, int] = {}
    for line, fields in lines:
        place = Mark(line, 1)
        if not fields:
            continue
        if len(fields) != len(_HEADER):
            message = f"The line has {len(fields)} columns, expected 2: key and value."
            yield FileProblem.at(file, place, message, "Quote a field that has a comma in it.")
            continue
        key, value = fields
        if key in seen:
            message = f"The key `{shown(key)}` is duplicated, first on line {seen[key]}."
            yield FileProblem.at(file, place, message, "Keep one of the two.")
            continue
        seen[key] = line
        yield from _checked(file, place, key, value)


def _checked(
    file: str, place: Mark, key: str, value: str
) -> Iterator[tuple[str, str] | FileProblem]:
    """The row, or why it would never match or bill to something unreadable."""
    for word, text in (("key", key), ("value", value)):
        fault = illegible(text)
        if fault is None:
            continue
        if not text.strip():
            message, remedy = f"The {word} is empty.", "Fill it in, or remove the row."
        elif text != text.strip():
            message = f"The {word} `{shown(text)}` begins or ends with a blank."
            remedy = "Remove the blank."
        else:
            message = f"The {word} {shown(text)!a} cannot be used: {fault.message}."
            remedy = (
                "Remove it, or write the text in normal form NFC; editors can show such things."
            )
        yield FileProblem.at(file, place, message, remedy)
        return
    yield key, value
