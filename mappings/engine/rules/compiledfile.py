"""A compiled mapping file: what of it runs, and all that is wrong in it.

Owns: the record, its problems each once, and its part for some of its sources. Refuses: to compile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from mappings.engine.cel.compile_errors import NO_VARIABLE
from mappings.engine.cel.language import Expression, Lets
from mappings.engine.payload import BodyRules
from mappings.engine.reading.positions import Path
from mappings.engine.reading.problems import ProblemReport
from mappings.engine.redact.paths import RedactPath
from mappings.engine.rules.evaluate import Rule
from mappings.engine.rules.model import ExampleModel, MappingModel, RuleModel, SourceItem
from mappings.engine.types import FileProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledFile:
    """A mapping file. With any problem in `report` it must not run; what could be read is here."""

    file: str
    body: bytes
    report: ProblemReport
    claims: tuple[str, ...]
    model: MappingModel | None = None
    verify: Mapping[str, Any]
    events: Expression | None = None
    lets: Lets
    rules: tuple[Rule, ...]
    rule_models: tuple[tuple[Path, RuleModel], ...]
    examples: tuple[tuple[Path, ExampleModel], ...]
    version: str
    tables: Mapping[str, str]
    redact: tuple[RedactPath, ...] = ()
    body_rules: BodyRules | None = None

    @property
    def problems(self) -> tuple[FileProblem, ...]:
        return tuple(sorted(_each_once(self.report.problems)))

    def without(self, taken: Set[str]) -> CompiledFile | None:
        """The file for those of its sources that are not taken; None where there is no other."""
        if not taken & set(self.claims):
            return self
        left = tuple(name for name in self.claims if name not in taken)
        if self.model is None or not left:
            return None
        items = [item for item in self.model.sources or () if item.name in left]
        return replace(self, claims=left, model=self.model.model_copy(update={"sources": items}))

    def items(self) -> tuple[SourceItem, ...]:
        """The sources it is for, each with its own secrets and vars."""
        if self.model is None:
            return ()
        if self.model.sources is not None:
            return tuple(self.model.sources)
        secrets = self.model.verify.secrets or []
        name = self.model.source or ""
        return (SourceItem.model_construct(name=name, secrets=secrets, vars={}),)


def _each_once(problems: Sequence[FileProblem]) -> Iterator[FileProblem]:
    """The problems; a variable that is not there is one, whose message names the further lines."""
    alike: dict[tuple[object, ...], list[FileProblem]] = {}
    for problem in sorted(problems):
        is_use = problem.message.startswith(NO_VARIABLE)
        place = () if is_use else (problem.line, problem.column)
        alike.setdefault((problem.message, problem.remedy, *place), []).append(problem)
    for first, *others in alike.values():
        further = [str(other.line) for other in others if other.line != first.line]
        lines_of = "line" if len(set(further)) == 1 else "lines"
        also = f" The same in {lines_of} {', '.join(dict.fromkeys(further))}." if further else ""
        yield replace(first, message=f"{first.message}{also}")
