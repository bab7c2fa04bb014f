"""`redact:` in a mapping file: its paths, and that no expression of the file reads what goes.

Owns: the problems at their places. Refuses: to prove anything itself (`redact.taint` does).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mappings.engine.cel.language import Expression, Lets
from mappings.engine.reading.positions import Path
from mappings.engine.reading.problems import Fault, ProblemReport
from mappings.engine.redact.paths import InvalidPath, RedactPath, parse_path
from mappings.engine.redact.taint import Conflict, conflicts, taint_of
from mappings.engine.rules.evaluate import Rule


def redact_paths(data: Mapping[str, Any]) -> tuple[RedactPath, ...]:
    """The paths of a file as read; those that are none are left out."""
    written = data.get("redact")
    paths: list[RedactPath] = []
    for text in written if isinstance(written, list) else ():
        with suppress(InvalidPath):  # reported by the shape
            paths += [parse_path(text)] if isinstance(text, str) else []
    return tuple(paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactChecker:
    """Reports each expression that could read what is taken out.

    `secret` are those of `paths` at which the scheme shows the source's secret.
    """

    report: ProblemReport
    paths: tuple[RedactPath, ...]
    secret: frozenset[RedactPath]
    lets: Lets

    def check(
        self, events: Expression | None, rules: Iterable[Rule], places: Mapping[str, Path]
    ) -> None:
        """`places` are those of the rules, by name."""
        if events is None or not self.paths:
            return
        value, read_by_events = taint_of(events, self.paths)
        self._report(("events",), events.text, events, read_by_events)
        of_lets = {
            name: taint_of(let, self.paths, value)[1] for name, let in self.lets.compiled.items()
        }
        for name, let in self.lets.compiled.items():
            self._report(("let", name), let.text, let, of_lets[name], of_lets)
        for rule in rules:
            for place, text, expression in _expressions(rule):
                found = conflicts([expression], self.paths, value)
                self._report((*places[rule.name], *place), text, expression, found, of_lets)

    def _report(
        self,
        path: Path,
        text: str,
        expression: Expression,
        found: frozenset[Conflict],
        of_lets: Mapping[str, frozenset[Conflict]] = MappingProxyType({}),
    ) -> None:
        """What an expression reads; what a `let` in it reads is reported at the `let` alone."""
        offset = max(text.find(expression.text), 0)
        found = found.difference(*(of_lets.get(name, ()) for name in expression.lets))
        first: dict[RedactPath, Conflict] = {}
        for conflict in sorted(found, key=lambda one: (one.as_whole, one.read, one.path.places)):
            first.setdefault(conflict.path, conflict)
        self.report.inside(path, text, [self._fault(offset, each) for each in first.values()])

    def _fault(self, offset: int, conflict: Conflict) -> Fault:
        gone, read = ".".join(conflict.path.places), ".".join(conflict.read)
        why, off = "which `redact` takes out", ", or remove the path from `redact`"
        if conflict.path in self.secret:
            why, off = "which holds the source's secret and is taken out", ""
        if conflict.as_whole:
            message = f"This uses `{read}` as a whole, and with it `{gone}`, {why}."
            return Fault(offset, message, f"Name the member that is needed{off}.")
        verb = "reads" if gone == read else "may read"
        message = f"This {verb} `{gone}`, {why} before it is stored."
        return Fault(offset, message, f"Use another member{off}.")


def _expressions(rule: Rule) -> Iterator[tuple[Path, str, Expression]]:
    """Those of a rule, each with the place below it and the text that it stands in."""
    yield ("when",), rule.when.text, rule.when
    for field in rule.fields():
        for expression in field.template.expressions:
            yield _place(field.name), field.template.text, expression


def _place(field: str) -> Path:
    """Where the field of that name stands below its rule."""
    if field.startswith("once_per["):
        return ("once_per", int(field[len("once_per[") : -1]) - 1)
    name, dot, tag = field.partition(".")
    return (name, tag) if dot else (name,)
