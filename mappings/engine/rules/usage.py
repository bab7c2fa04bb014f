"""What the expressions of a mapping file use: tables, and the source's own vars.

Owns: finding that in the file's texts, and the version that follows from it. Refuses: to compile.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from mappings.engine.cel import text as celtext
from mappings.engine.reading.positions import Path
from mappings.engine.reading.problems import Fault, ProblemReport
from mappings.engine.reading.tables import Table
from mappings.engine.rules.model import MappingModel

_LOOKUP = re.compile(r"\blookup\s*\(")
_WITH_EXPRESSIONS = ("let", "events", "outcomes")


def texts_of(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Every text of a mapping file that may hold CEL, with its path."""
    for key in _WITH_EXPRESSIONS:
        yield from _texts_below(data.get(key), (key,))


def _texts_below(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts_below(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts_below(inner, (*path, index))


def tables_used(texts: Iterable[str], tables: Mapping[str, Table]) -> dict[str, str]:
    """The versions of the tables looked into, by name: of all, if a name is not written out."""
    used = frozenset[str]().union(*(_used_by(text, tables.keys()) for text in texts))
    return {name: tables[name].version for name in sorted(used)}


def looks_into(data: Mapping[str, Any], tables: frozenset[str]) -> bool:
    """Whether some text of the mapping file may look into one of these tables."""
    return any(_used_by(text, tables) for _, text in texts_of(data))


def _used_by(text: str, tables: Set[str]) -> Set[str]:
    named = [name for name, _ in celtext.literal_arguments(text, "lookup")]
    return tables if len(_LOOKUP.findall(text)) > len(named) else tables & set(named)


def mapping_version(body: bytes, tables: Mapping[str, str]) -> str:
    """The version of a mapping file together with the tables it looks into."""
    parts = [hashlib.sha256(body).hexdigest(), dict(tables)]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def check_variables(
    report: ProblemReport, data: Mapping[str, Any], texts: Iterable[tuple[Path, str]]
) -> None:
    """Report each `vars.NAME` that some source of the file does not have."""
    owners = tuple(_owners(data))
    for path, text in texts:
        for name, offset in celtext.members(text, "vars"):
            without = [owner for owner, known in owners if name not in known]
            if without:
                message = f"There is no `{name}` in the vars of {', '.join(without)}."
                remedy = f"Add `vars: {{{name}: …}}` there."
                report.inside(path, text, [Fault(offset, message, remedy)])


def _owners(data: Mapping[str, Any]) -> Iterator[tuple[str, frozenset[str]]]:
    """Each source of a file with the names in its vars, or where a misspelt `vars` may have them.

    That key is a problem of its own; those who use its names are not blamed as well.
    """
    shared = frozenset[str]().union(_keys(data.get("vars")), *map(_keys, misspelt_parts(data)))
    items = data.get("sources")
    if not isinstance(items, list):
        yield str(data.get("source")), shared
        return
    for item in items:
        if isinstance(item, dict):
            yield str(item.get("name")), shared | _keys(item.get("vars"))


def misspelt_parts(data: Mapping[str, Any]) -> list[Any]:
    """What stands under keys that a mapping file does not have."""
    return [value for key, value in data.items() if key not in MappingModel.model_fields]


def _keys(value: object) -> frozenset[str]:
    return frozenset(value) if isinstance(value, dict) else frozenset()
