"""From a folder's files to a set of mappings, with all problems reported at once.

Owns: which file is what, how a bad one is handled, and versions. A bad file affects only itself:
its last good text stays in force, and so does everything else. `load` is pure over texts;
`read_directory` alone touches the disk. Refuses: files that look like mappings and are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from zoneinfo import ZoneInfo

from mappings.engine.cel.language import Language
from mappings.engine.loading.mapping_set import EMPTY, MappingSet, Source
from mappings.engine.loading.rekeyed import rekeyings_after, warnings_of
from mappings.engine.loading.serving import Serving
from mappings.engine.loading.snapshot import programs_of, sources_of
from mappings.engine.pricing.agentsfile import read_catalogue
from mappings.engine.pricing.catalogue import FILE as CATALOGUE_FILE, Catalogue
from mappings.engine.reading.tables import (
    FOLDER as TABLES_FOLDER,
    Table,
    clashes,
    is_table,
    read_table,
    table_name,
)
from mappings.engine.reading.yamlfile import UNREADABLE
from mappings.engine.rules.billed import History
from mappings.engine.rules.checks import (
    check_amounts,
    check_prices,
    check_scopes,
    check_sources,
    check_times,
    of_scopes,
)
from mappings.engine.rules.compiledfile import CompiledFile
from mappings.engine.rules.filecompiler import compile_file
from mappings.engine.schemes import SchemeRules
from mappings.engine.types import FileProblem, VersionText

__all__ = [
    "MappingSet",
    "SchemeRules",
    "Source",
    "load",
    "load_accepted",
    "read_directory",
]

EXAMPLES_FOLDER = "examples"
RESERVED_FILES = frozenset({CATALOGUE_FILE, "forward.yaml"})
#: More than any kind of file may have; a body that is an example is seldom larger.
READ_MAX = 16 * 1024 * 1024
_LEFTOVERS = ("~", ".swp", ".swo", ".tmp", ".bak", ".orig")


def read_directory(path: Path) -> dict[str, bytes]:
    """The files of a mappings folder by relative name, those of tables/ and examples/ included.

    Editors' and deployments' leftovers (hidden, `~`, `.swp`, …) are left out, and so is a file
    that vanishes while it is read. One that cannot be read is there as `UNREADABLE`, so that it
    costs only itself, and of one that is far too large there is enough to say so. Raises OSError
    if the folder itself cannot be read.
    """
    files: dict[str, bytes] = {}
    for folder in (path, path / TABLES_FOLDER, path / EXAMPLES_FOLDER):
        if folder != path and not folder.is_dir():
            continue
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith((".", "#")) or entry.name.endswith(_LEFTOVERS):
                continue
            body = _body(entry)
            if body is not None:
                files[entry.relative_to(path).as_posix()] = body
    return files


def _body(entry: Path) -> bytes | None:
    """Its content, `UNREADABLE`, or None where it is not a file."""
    try:
        if not entry.is_file():
            return None
        with entry.open("rb") as file:
            return file.read(READ_MAX)
    except FileNotFoundError:
        return None
    except OSError:
        return UNREADABLE


def load(
    files: Mapping[str, bytes],
    *,
    timezone: str,
    schemes: SchemeRules,
    last_good: Mapping[str, bytes] = EMPTY,
    history: History | None = None,
) -> MappingSet:
    """Compile all files; a bad one is served from its text in `last_good`, if that is good.

    `timezone` is the name of the zone in which days begin at 00:00. With `history` an edit that
    would bill again what has billed is bad, too. Never raises for what is in a file: see
    `MappingSet.problems`, which has prices and tables before what needs them.
    """
    return _Loader(files, timezone, schemes, last_good, history or History()).load()


def load_accepted(texts: Mapping[str, bytes], *, timezone: str, schemes: SchemeRules) -> MappingSet:
    """Compile texts that were accepted before, each as `load` would serve it as a last good one.

    What belongs to an edit is not checked again: examples, prices, and whether files agree. Of two
    that have one source the first has it: `texts` begin with the newest.
    """
    return _Loader(texts, timezone, schemes, EMPTY, History(), is_accepted=True).load()


def is_mapping(file: str) -> bool:
    """Whether `file` is the mapping of some source."""
    path = PurePosixPath(file)
    return len(path.parts) == 1 and path.suffix == ".yaml" and file not in RESERVED_FILES


@dataclass(slots=True)
class _Loader:
    files: Mapping[str, bytes]
    timezone: str
    schemes: SchemeRules
    last_good: Mapping[str, bytes]
    history: History
    is_accepted: bool = False
    problems: list[FileProblem] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)
    texts: dict[str, bytes] = field(default_factory=dict)

    def load(self) -> MappingSet:
        catalogue = self._catalogue()
        tables, unreadable = self._tables()
        language = Language(tables, unreadable)
        compile_one = partial(compile_file, language=language, tables=tables, schemes=self.schemes)
        serving = Serving(
            compiled=self._compile(compile_one, catalogue),
            last_good=self.last_good,
            history=self.history,
            compile_accepted=partial(compile_one, files=None),
        )
        served = serving.choose()
        self.stale |= serving.stale
        self.problems += serving.problems
        self._refuse_yml()
        problems = tuple(sorted(set(self.problems), key=_causes_first))
        bad = {problem.file for problem in problems}
        zone = ZoneInfo(self.timezone)
        return MappingSet(
            sources=MappingProxyType(
                {s.name: s for file in served for s in sources_of(file, zone)}
            ),
            problems=problems,
            unusable=serving.unusable,
            good=MappingProxyType(
                {name: body for name, body in self.files.items() if _counts(name, bad)}
            ),
            stale=frozenset(self.stale),
            catalogue=catalogue,
            tables=MappingProxyType(tables),
            versions=MappingProxyType(self._versions(served, catalogue, tables)),
            programs=MappingProxyType(
                {name: p for file in served for name, p in programs_of(file, language).items()}
            ),
            warnings=tuple(sorted({*warnings_of(serving.edit), *of_scopes(served)})),
            rekeyings=MappingProxyType(rekeyings_after(serving.edit)),
        )

    def _catalogue(self) -> Catalogue | None:
        body = self.files.get(CATALOGUE_FILE)
        if body is None:
            if not any(is_mapping(name) for name in self.files):
                return None
            self._add(CATALOGUE_FILE, "There is no agents.yaml.", "Add it: it has the prices.")
        else:
            read = self._read_catalogue(body)
            if isinstance(read, Catalogue):
                return read
            self.problems += read
        before = self.last_good.get(CATALOGUE_FILE)
        found = self._read_catalogue(before) if before is not None else None
        if not isinstance(found, Catalogue):
            return None
        self.stale.add(CATALOGUE_FILE)
        return found

    def _read_catalogue(self, body: bytes) -> Catalogue | tuple[FileProblem, ...]:
        self.texts[CATALOGUE_FILE] = body
        return read_catalogue(body, timezone=self.timezone)

    def _tables(self) -> tuple[dict[str, Table], dict[str, str]]:
        """The tables by name, and those that cannot be read, name to file."""
        names = sorted(name for name in self.files if is_table(name))
        twice = clashes(names)
        self.problems += twice
        tables: dict[str, Table] = {}
        unreadable: dict[str, str] = {}
        for name in names:
            if any(problem.file == name for problem in twice):
                continue
            found = read_table(name, self.files[name])
            if isinstance(found, Table):
                self.texts[name] = self.files[name]
                tables[found.name] = found
                continue
            self.problems += found
            before = self._last_table(name)
            if before is None:
                unreadable[table_name(name)] = name
            else:
                tables[before.name] = before
        return tables, unreadable

    def _last_table(self, file: str) -> Table | None:
        body = self.last_good.get(file)
        table = read_table(file, body) if body is not None else None
        if body is None or not isinstance(table, Table):
            return None
        self.stale.add(file)
        self.texts[file] = body
        return table

    def _compile(
        self, compile_one: Callable[..., CompiledFile], catalogue: Catalogue | None
    ) -> list[CompiledFile]:
        """Every mapping file, checked for itself and against the others."""
        examples = None if self.is_accepted else self.files
        compiled = [
            compile_one(name, self.files[name], files=examples)
            for name in (self.files if self.is_accepted else sorted(self.files))
            if is_mapping(name)
        ]
        if not self.is_accepted:
            check_sources(compiled)
            check_scopes(compiled)
            check_times(compiled)
            check_amounts(compiled)
        for file in compiled:
            if catalogue is not None and not self.is_accepted and CATALOGUE_FILE not in self.stale:
                check_prices(file, catalogue)
            self.problems += file.problems
        return compiled

    def _refuse_yml(self) -> None:
        for name in self.files:
            path = PurePosixPath(name)
            if path.suffix == ".yml" and path.parts[0] != EXAMPLES_FOLDER:
                self._add(
                    name, "Files ending in .yml are not read.", f"Rename it to {path.stem}.yaml."
                )

    def _versions(
        self,
        served: list[CompiledFile],
        catalogue: Catalogue | None,
        tables: Mapping[str, Table],
    ) -> dict[str, VersionText]:
        versions = {
            file.version: VersionText(
                kind="mapping", name=file.file, text=file.body.decode(), parts=file.tables
            )
            for file in served
        }
        for table in tables.values():
            text = self.texts[table.file].decode()
            versions[table.version] = VersionText(kind="table", name=table.name, text=text)
        if catalogue is not None:
            text = self.texts[CATALOGUE_FILE].decode()
            versions[catalogue.version] = VersionText(
                kind="catalogue", name=CATALOGUE_FILE, text=text
            )
        return versions

    def _add(self, file: str, message: str, remedy: str) -> None:
        self.problems.append(FileProblem.at(file, None, message, remedy))


def _causes_first(problem: FileProblem) -> tuple[bool, FileProblem]:
    """Prices and tables come before the files that need them."""
    return is_mapping(problem.file), problem


def _counts(name: str, bad: set[str]) -> bool:
    """Whether the file is good and of a kind that is remembered."""
    kind = is_mapping(name) or is_table(name) or name == CATALOGUE_FILE
    return kind and name not in bad
