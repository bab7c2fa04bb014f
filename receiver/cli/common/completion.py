"""Shell completion of option values and arguments, by the parameter's name.

Owns that completion is silent: if settings, mappings or database cannot be read, it offers nothing
and prints nothing. Heavy modules are imported once a value is completed.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from typer._click.shell_completion import CompletionItem

#: So many ids, the newest first.
MOST_IDS = 50

Choices = Callable[[str], Iterable[str]]


def complete(command: Any, choices: Mapping[str, Choices]) -> None:
    """Complete the values of the parameters that have a name in `choices`."""
    for parameter in command.params:
        given = choices.get(f"{command.name} {parameter.name}") or choices.get(parameter.name)
        if given is not None:
            parameter.shell_complete = _quietly(given)


def _quietly(choices: Choices) -> Callable[[Any, str], list[CompletionItem]]:
    def items(_context: Any, incomplete: str) -> list[CompletionItem]:
        *before, last = incomplete.split(",")
        start = "".join(f"{one}," for one in before)
        found: list[str] = []
        silence = io.StringIO()
        with (
            contextlib.redirect_stderr(silence),
            contextlib.redirect_stdout(silence),
            warnings.catch_warnings(),
            contextlib.suppress(Exception),
        ):
            found = sorted({one for one in choices(last) if one.startswith(last)})
        return [CompletionItem(start + one) for one in found]

    return items


def _texts(module: str, name: str) -> Choices:
    """The texts of a constant."""
    return lambda _start: getattr(importlib.import_module(module), name)


def _mapping_data() -> Iterator[Mapping[str, Any]]:
    """The content of each mapping file, valid or not."""
    yamlfile = importlib.import_module("mappings.engine.reading.yamlfile")
    folder = importlib.import_module("receiver.cli.common.installation").settings_here().mappings
    for path in sorted(folder.glob("*.yaml")):
        data = yamlfile.parse(path.read_bytes(), file=path.name).data
        if isinstance(data, dict):
            yield data


def _sources(_start: str) -> Iterator[str]:
    for data in _mapping_data():
        if isinstance(data.get("source"), str):
            yield data["source"]
        several = data.get("sources")
        for one in several if isinstance(several, list) else ():
            yield one["name"]


def _rules(_start: str) -> Iterator[str]:
    for data in _mapping_data():
        outcomes = data.get("outcomes")
        for one in outcomes if isinstance(outcomes, list) else ():
            yield one["name"]


def _agents(_start: str) -> Iterator[str]:
    for data in _mapping_data():
        yield from data.get("agents") or ()


def _indicators(_start: str) -> Iterator[str]:
    for data in _mapping_data():
        for agent in (data.get("agents") or {}).values():
            yield from agent.get("indicators") or ()


def _schemes(_start: str) -> Iterable[str]:
    names: Iterable[str] = importlib.import_module("receiver.signatures").RULES.names()
    return names


def _library(_start: str) -> Iterable[str]:
    entries: Iterable[str] = importlib.import_module("receiver.authoring.library").library()
    return entries


def _deliveries(start: str) -> Iterable[str]:
    recent = importlib.import_module("receiver.cli.common.recent")
    found: Iterable[str] = recent.delivery_ids(start, MOST_IDS)
    return found


def _groups(_start: str) -> Iterable[str]:
    found: Iterable[str] = importlib.import_module("receiver.cli.common.recent").failure_groups()
    return found


def _ids_or_files(start: str) -> Iterable[str]:
    """Deliveries, and files whose path begins so."""
    folder, name = os.path.split(start)
    with contextlib.suppress(OSError):
        for one in os.scandir(folder or "."):
            if one.name.startswith(name):
                yield os.path.join(folder, one.name) + ("/" if one.is_dir() else "")  # noqa: PTH118 - as it was begun
    yield from _deliveries(start)


#: By the name of a parameter, or of a command and its parameter where the name means another thing.
CHOICES: Mapping[str, Choices] = {
    "source": _sources,
    "source_name": _sources,
    "new source": _schemes,
    "rule": _rules,
    "state": _texts("jobs.common.states", "DeliveryState"),
    "reason": _texts("jobs.common.states", "REASONS"),
    "group": _groups,
    "ids": _deliveries,
    "delivery": _deliveries,
    "delivery_id": _deliveries,
    "origin": _deliveries,
    "show what": _deliveries,
    "try what": _ids_or_files,
    "scheme": _schemes,
    "schemes word": _schemes,
    "entry": _library,
    "vendors": _library,
    "agent": _agents,
    "indicator": _indicators,
    "actions kind": _texts("jobs.actions", "KINDS"),
    "exceptions kind": _texts("jobs.queries.exceptions.texts", "KINDS"),
    "kind": _texts("jobs.filters", "LINE_KINDS"),
    "by": _texts("jobs.queries.ledger.revenue", "GROUPS"),
    "basis_name": lambda _start: ("occurred", "recorded"),
}
