"""`redact:` in a mapping file: its paths, and that no expression of the file reads what goes.

Owns: the problems at their places. Refuses: to prove anything itself (`redact.taint` does).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mappings.engine.cel.language import Expression, Lets
from mappings.engine.cel.template import Template
from mappings.engine.reading.positions import Path
from mappings.engine.reading.problems import Fault, ProblemReport
from mappings.engine.redact.paths import InvalidPath, RedactPath, parse_path
from mappings.engine.redact.taint import Conflict, Taint, conflicts, let_conflicts, taint_of_events
from mappings.engine.rules.evaluate import Rule


def redact_paths(data: Mapping[str, Any]) -> tuple[RedactPath, ...]:
    """The paths of a file as read; those that are none are left out."""
    written = data.get("redact")
    return tuple(_good_ones(written if isinstance(written, list) else ()))


def _good_ones(texts: Iterable[object]) -> Iterator[RedactPath]:
    for text in texts:
        try:
            if isinstance(text, str):
                yield parse_path(text)
        except InvalidPath:
            continue  # reported by the shape


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
        value, read_by_events = taint_of_events(events, self.paths)
        self._report(("events",), events.text, 0, read_by_events)
        known = {
            name: let_conflicts(let, self.paths, value) for name, let in self.lets.compiled.items()
        }
        for name, let in self.lets.compiled.items():
            self._report(("let", name), let.text, 0, known[name] - self._of_lets(let, known))
        for rule in rules:
            at = places[rule.name]
            self._check_one((*at, "when"), rule.when.text, rule.when, value, known)
            for field in rule.fields():
                self._check_field((*at, *_place(field.name)), field.template, value, known)

    def _check_field(
        self,
        path: Path,
        template: Template,
        value: Taint,
        known: Mapping[str, frozenset[Conflict]],
    ) -> None:
        for expression in template.expressions:
            self._check_one(path, template.text, expression, value, known)

    def _check_one(
        self,
        path: Path,
        text: str,
        expression: Expression,
        events: Taint,
        known: Mapping[str, frozenset[Conflict]],
    ) -> None:
        """One expression; what a `let` in it reads is reported at the `let` alone."""
        found = conflicts([expression], self.paths, events)
        offset = max(text.find(expression.text), 0)
        self._report(path, text, offset, found - self._of_lets(expression, known))

    def _of_lets(
        self, expression: Expression, known: Mapping[str, frozenset[Conflict]]
    ) -> frozenset[Conflict]:
        return frozenset().union(*(known.get(name, ()) for name in expression.lets))

    def _report(self, path: Path, text: str, offset: int, found: frozenset[Conflict]) -> None:
        reported: set[RedactPath] = set()
        for conflict in sorted(found, key=lambda one: (one.as_whole, one.read, one.path.places)):
            if conflict.path not in reported:
                reported.add(conflict.path)
                fault = self._fault(offset, conflict)
                self.report.inside(path, text, [fault])

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


def _place(field: str) -> Path:
    """Where the field of that name stands below its rule."""
    if field.startswith("once_per["):
        return ("once_per", int(field[len("once_per[") : -1]) - 1)
    name, dot, tag = field.partition(".")
    return (name, tag) if dot else (name,)
