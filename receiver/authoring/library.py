"""The ready-made mappings that come with the package, each with all that belongs to it.

Owns which there are: those in use beside the engine, and those of `library/`. Every copy begins in
shadow. Refuses to write anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import mappings
from mappings.engine.loading.load import is_mapping, read_directory
from mappings.engine.pricing.catalogue import FILE as AGENTS_FILE
from mappings.engine.reading.tables import is_table, table_name
from mappings.engine.reading.yamlfile import parse
from receiver.authoring.pricelist import Prices, chosen
from receiver.authoring.scaffold import GENERIC, secret_name

PACKAGE = Path(mappings.__file__).parent
FOLDERS = (PACKAGE, PACKAGE / "library")
SHADOW = "mode: shadow  # bills nothing yet: `live` when you like what it shows"
_LOOKUP = re.compile(r"""\blookup\(\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyMade:
    """One ready-made mapping: its text, its tables and examples by relative name, its prices."""

    name: str
    text: str
    scheme: str
    sources: tuple[str, ...]
    files: Mapping[str, bytes]
    prices: Prices

    @property
    def file(self) -> str:
        return f"{self.name}.yaml"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of its secrets."""
        document = parse(self.text.encode(), file=self.file).data
        blocks = [document["verify"], *document.get("sources", ())]
        listed = [one for block in blocks for one in block.get("secrets", ())]
        names = [one["name"] if isinstance(one, dict) else one for one in listed]
        handshakes = [b["handshake_secret"] for b in blocks if "handshake_secret" in b]
        return tuple(dict.fromkeys([*names, *handshakes]))

    def under(self, source: str) -> ReadyMade:
        """The same for a source of another name, whose secrets are named after it.

        Only for an entry of one source.
        """
        [old] = self.sources
        if source == old:
            return replace(self, name=source)
        named = re.compile(rf"(^source: |\bname: ){re.escape(old)}(?=[\s,}}])", re.MULTILINE)
        text = named.sub(rf"\g<1>{source}", self.text, count=1)
        text = text.replace(f'["{old}",', f'["{source}",')  # the keys that examples expect
        before, after = (secret_name(one).removesuffix("SECRET") for one in (old, source))
        text = re.sub(rf"\b{before}(?=[A-Z])", after, text)
        return replace(self, name=source, text=text, sources=(source,))


@cache
def library() -> Mapping[str, ReadyMade]:
    """All entries by name, those in use first: their prices differ by day and by customer."""
    found = {entry.name: entry for folder in FOLDERS for entry in _entries(folder)}
    return MappingProxyType(found)


def for_scheme(scheme: str) -> list[ReadyMade]:
    """The entries whose vendor signs so; where there are none, those of the same vendor."""
    if scheme in GENERIC:
        return []
    exact = [entry for entry in library().values() if entry.scheme == scheme]
    return exact or [e for e in library().values() if _vendor(e.scheme) == _vendor(scheme)]


def _vendor(scheme: str) -> str:
    return scheme.partition("-")[0]


def _entries(folder: Path) -> Iterator[ReadyMade]:
    files = read_directory(folder)
    agents: Prices = parse(files[AGENTS_FILE], file=AGENTS_FILE).data["agents"]
    for file in filter(is_mapping, files):
        document = parse(files[file], file=file).data
        text = files[file].decode()
        yield ReadyMade(
            name=file.removesuffix(".yaml"),
            text=re.sub(r"^mode: live\b.*$", SHADOW, text, flags=re.MULTILINE),
            scheme=document["verify"]["scheme"],
            sources=tuple(_sources(document)),
            files={name: files[name] for name in _belonging(document, text, files)},
            prices=chosen(agents, set(_billed(document))),
        )


def _sources(document: Mapping[str, Any]) -> Iterator[str]:
    if "source" in document:
        yield document["source"]
    yield from (one["name"] for one in document.get("sources", ()))


def _belonging(document: Mapping[str, Any], text: str, files: Mapping[str, bytes]) -> Iterator[str]:
    tables = set(_LOOKUP.findall(text))
    payloads = {str(example["payload"]) for example in document.get("examples", ())}
    for name in files:
        if name in payloads or (is_table(name) and table_name(name) in tables):
            yield name


def _billed(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Agent and indicator of each rule that names both, and of what the examples bill."""
    billed = [one for example in document["examples"] for one in example.get("outcomes", ())]
    for one in (*document["outcomes"], *billed):
        agent, indicator = str(one.get("agent", "")), str(one.get("indicator", ""))
        if agent and indicator and "${{" not in agent + indicator:
            yield agent, indicator
