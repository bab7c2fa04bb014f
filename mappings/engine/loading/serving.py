"""Which text of each mapping file runs: the edited one, or the last good one after a bad edit.

Owns: that a bad edit affects only its own file, an edit that would bill again what has billed
included. What remains of a source continues as long as it can; the rest is unusable. Refuses: to
compile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mappings.engine.loading.rekeying import Edit, EditedFile, Refusal
from mappings.engine.rules.billed import History
from mappings.engine.rules.compiledfile import CompiledFile
from mappings.engine.types import FileProblem


@dataclass(slots=True, kw_only=True)
class Serving:
    """`compiled` are all files as edited; `compile_accepted` compiles a last good text.

    After `choose`, `stale` are the files that run by their last good text, `unusable` the sources
    that do not run, `problems` the refusals for what has billed, `edit` the files that run.
    """

    compiled: Sequence[CompiledFile]
    last_good: Mapping[str, bytes]
    history: History
    compile_accepted: Callable[[str, bytes], CompiledFile]
    stale: set[str] = field(default_factory=set)
    unusable: frozenset[str] = frozenset()
    refused: dict[str, list[Refusal]] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    edit: Edit = field(init=False)

    @property
    def problems(self) -> list[FileProblem]:
        return [refusal.problem for found in self.refused.values() for refusal in found]

    def choose(self) -> list[CompiledFile]:
        """The files that run: what is refused falls back, until nothing more is refused."""
        while True:
            self.stale = set()
            served = self._served()
            self.edit = Edit(self.history, _edited(served))
            news = self._newly_refused(served)
            if not news:
                return served
            for refusal in news:
                file = refusal.problem.file
                if refusal.bills_again and file in self.stale:
                    self.dropped.add(file)
                self.refused.setdefault(file, []).append(refusal)

    def _served(self) -> list[CompiledFile]:
        served: list[CompiledFile] = []
        taken: set[str] = set()
        for compiled in self.compiled:
            rest = None if self._is_bad(compiled) else compiled.without(taken)
            if rest is not None:
                served.append(rest)
                taken |= set(rest.claims)
        for file in self._to_fall_back(taken):
            before = self._before(file, taken)
            if before is not None:
                served.append(before)
                taken |= set(before.claims)
                self.stale.add(file)
        self.unusable = self._wanted() - taken
        return served

    def _wanted(self) -> frozenset[str]:
        """The sources that a bad file is for, as far as can be seen, or that were refused."""
        wanted = set(self._refused_sources())
        for compiled in self.compiled:
            if self._is_bad(compiled):
                wanted |= {*compiled.claims, PurePosixPath(compiled.file).stem}
        return frozenset(wanted)

    def _to_fall_back(self, taken: Set[str]) -> list[str]:
        """The files whose last good text may run.

        Those that are bad, and those of sources that have billed and that an edit left without one.
        """
        bad = [compiled.file for compiled in self.compiled if self._is_bad(compiled)]
        homeless = self._refused_sources() - taken
        homes = [file for source, (file, _) in self.history.sources.items() if source in homeless]
        return [name for name in dict.fromkeys([*bad, *sorted(homes)]) if name in self.last_good]

    def _before(self, file: str, taken: Set[str]) -> CompiledFile | None:
        """The last good text of the file, without the sources that another file has by now."""
        if file in self.dropped:
            return None
        before = self.compile_accepted(file, self.last_good[file])
        return None if before.problems else before.without(taken)

    def _newly_refused(self, served: Sequence[CompiledFile]) -> list[Refusal]:
        running = {name for file in served for name in file.claims}
        return [
            refusal
            for refusal in self.edit.refusals()
            if self._is_news(refusal)
            and (refusal.source in running or not self._may_be_back(refusal.source))
        ]

    def _is_news(self, refusal: Refusal) -> bool:
        """Whether it is not known yet, of a new text or of the last good one."""
        file = refusal.problem.file
        is_last_good = refusal.bills_again and file in self.stale and file not in self.dropped
        return is_last_good or refusal not in self.refused.get(file, ())

    def _may_be_back(self, source: str) -> bool:
        """Whether a source that does not run may be as it was, once a known problem is solved."""
        homes = {billed.source: billed.file for billed in self.history.billed} | {
            name: file for name, (file, _) in self.history.sources.items()
        }
        bad = {compiled.file for compiled in self.compiled if self._is_bad(compiled)}
        return source in self._refused_sources() or homes[source] in bad

    def _refused_sources(self) -> frozenset[str]:
        return frozenset(refusal.source for found in self.refused.values() for refusal in found)

    def _is_bad(self, compiled: CompiledFile) -> bool:
        return bool(compiled.problems) or compiled.file in self.refused


def _edited(files: Sequence[CompiledFile]) -> list[EditedFile]:
    """The files as they are judged by what has billed."""
    return [
        EditedFile(name=file.file, model=file.model, positions=file.report.positions)
        for file in files
        if file.model is not None
    ]
