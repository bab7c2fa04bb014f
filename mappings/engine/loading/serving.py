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
from mappings.engine.rules.filecompiler import CompiledFile
from mappings.engine.types import Problem


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
    def problems(self) -> list[Problem]:
        return [one.problem for found in self.refused.values() for one in found]

    def choose(self) -> list[CompiledFile]:
        """The files that run: what is refused falls back, until nothing more is refused."""
        while True:
            self.stale = set()
            served = self._served()
            self.edit = Edit(self.history, _edited(served))
            news = self._newly_refused(served)
            if not news:
                return served
            for one in news:
                file = one.problem.file
                if one.bills_again and file in self.stale:
                    self.dropped.add(file)
                self.refused.setdefault(file, []).append(one)

    def _served(self) -> list[CompiledFile]:
        served: list[CompiledFile] = []
        taken: set[str] = set()
        for one in self.compiled:
            rest = None if self._is_bad(one) else one.without(taken)
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
        for one in self.compiled:
            if self._is_bad(one):
                wanted |= {*one.claims, PurePosixPath(one.file).stem}
        return frozenset(wanted)

    def _to_fall_back(self, taken: Set[str]) -> list[str]:
        """The files whose last good text may run.

        Those that are bad, and those of sources that have billed and that an edit left without one.
        """
        bad = [one.file for one in self.compiled if self._is_bad(one)]
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
        running = {name for one in served for name in one.claims}
        return [
            one
            for one in self.edit.refusals()
            if self._is_news(one) and (one.source in running or not self._may_be_back(one.source))
        ]

    def _is_news(self, one: Refusal) -> bool:
        """Whether it is not known yet, of a new text or of the last good one."""
        file = one.problem.file
        is_last_good = one.bills_again and file in self.stale and file not in self.dropped
        return is_last_good or one not in self.refused.get(file, ())

    def _may_be_back(self, source: str) -> bool:
        """Whether a source that does not run may be as it was, once a known problem is solved."""
        homes = {one.source: one.file for one in self.history.billed} | {
            name: file for name, (file, _) in self.history.sources.items()
        }
        bad = {one.file for one in self.compiled if self._is_bad(one)}
        return source in self._refused_sources() or homes[source] in bad

    def _refused_sources(self) -> frozenset[str]:
        return frozenset(one.source for found in self.refused.values() for one in found)

    def _is_bad(self, one: CompiledFile) -> bool:
        return bool(one.problems) or one.file in self.refused


def _edited(files: Sequence[CompiledFile]) -> list[EditedFile]:
    """The files as they are judged by what has billed."""
    return [
        EditedFile(name=file.file, model=file.model, positions=file.report.positions)
        for file in files
        if file.model is not None
    ]
