"""Collecting what is wrong in one file, each thing at its place.

Owns: turning paths and offsets into lines and columns. Refuses: to judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mappings.engine.reading.positions import Mark, Path, Positions, place_in
from mappings.engine.types import FileProblem


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a text at `offset` characters from its beginning, and what to write."""

    offset: int
    message: str
    remedy: str


@dataclass(slots=True)
class ProblemReport:
    """The problems of one file; `text` is the file as it stands, `paths` what has a problem."""

    file: str
    text: str
    positions: Positions
    problems: list[FileProblem] = field(default_factory=list)
    paths: set[Path] = field(default_factory=set)

    def at_key(self, path: Path, message: str, remedy: str) -> None:
        self._add(path, self.positions.key(path), message, remedy)

    def at_value(self, path: Path, message: str, remedy: str) -> None:
        self._add(path, self.positions.value(path), message, remedy)

    def inside(self, path: Path, value: str, faults: Iterable[Fault]) -> None:
        """Faults within the text `value`, which stands at `path`."""
        start = self.positions.value(path)
        for fault in faults:
            place = place_in(self.text, start, value, fault.offset)
            self._add(path, place, fault.message, fault.remedy)

    def _add(self, path: Path, place: Mark, message: str, remedy: str) -> None:
        self.paths.add(path)
        problem = FileProblem.at(self.file, place, message, remedy)
        if problem not in self.problems:
            self.problems.append(problem)
