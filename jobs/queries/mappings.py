"""The mappings in force, their files, and what is wrong with edits of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from jobs.heartbeat import alive
from jobs.mapping_store import version_in_force
from jobs.queries.shape import Shape
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet
from mappings.engine.types import FileProblem


class MappingFile(Shape):
    """A file of the mappings. `state`: its edited text is in force, its last good one, or none."""

    name: str
    kind: Literal["mapping", "table", "catalogue"]
    version: str | None
    state: Literal["in-force", "last-good", "refused"]


class MappingProblem(Shape):
    """What is wrong in a file, or worth knowing; line and column 0 are the file as a whole."""

    file: str
    line: int
    column: int
    message: str
    remediation: str


class MappingProcess(Shape):
    """A process that is alive, and the version that it maps with."""

    name: str
    role: Literal["web", "work"]
    version: str | None


class MappingsInForce(Shape):
    """The mappings in force. `version` is the `mapping_version` of dry runs and replays."""

    version: str
    files: tuple[MappingFile, ...]
    problems: tuple[MappingProblem, ...]
    warnings: tuple[MappingProblem, ...]
    processes: tuple[MappingProcess, ...]


async def read_mappings(database: Database, mappings: MappingSet) -> MappingsInForce:
    """The version that the database has in force, and the files as this process has them."""
    version = await version_in_force(database)
    return MappingsInForce(
        version=version or mappings.digest,
        files=tuple(sorted(_files(mappings), key=lambda file: file.name)),
        problems=problem_items(mappings.problems),
        warnings=problem_items(mappings.warnings),
        processes=tuple(
            MappingProcess(
                name=process.name, role=process.role, version=process.detail.get("mappings")
            )
            for process in await alive(database)
        ),
    )


def _files(mappings: MappingSet) -> Iterator[MappingFile]:
    known: set[str] = set()
    for version, text in mappings.versions.items():
        name = mappings.tables[text.name].file if text.kind == "table" else text.name
        known.add(name)
        state = "last-good" if name in mappings.stale else "in-force"
        yield MappingFile(name=name, kind=text.kind, version=version, state=state)
    for name in {problem.file for problem in mappings.problems} - known:
        kind = "table" if name.startswith("tables/") else "mapping"
        kind = "catalogue" if name == "agents.yaml" else kind
        yield MappingFile(name=name, kind=kind, version=None, state="refused")


def problem_items(problems: Sequence[FileProblem]) -> tuple[MappingProblem, ...]:
    """The problems as JSON has them, in the API and of `receiver check`."""
    return tuple(
        MappingProblem(
            file=problem.file,
            line=problem.line,
            column=problem.column,
            message=problem.message,
            remediation=problem.remedy,
        )
        for problem in problems
    )
