"""The values that a shell completes, by the parameter's name. Each may raise: see `completion`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jobs.actions import KINDS as ACTION_KINDS
from jobs.common.states import REASONS, DeliveryState
from jobs.filters import LINE_KINDS, DeliveryFilter
from jobs.queries.deliveries.failures import read_failures
from jobs.queries.deliveries.listing import list_deliveries
from jobs.queries.exceptions.texts import KINDS as EXCEPTION_KINDS
from jobs.queries.identification import ids_from
from jobs.queries.ledger.revenue import GROUPS
from mappings.engine.reading import yamlfile
from receiver.authoring.library import library
from receiver.cli.common.filters import newest
from receiver.cli.common.installation import settings_here
from receiver.cli.common.session import Session
from receiver.signatures import RULES

#: So many ids, the newest first.
MOST_IDS = 50


def _mapping_data() -> Iterator[Mapping[str, Any]]:
    """The content of each mapping file, valid or not."""
    for path in sorted(settings_here().mappings.glob("*.yaml")):
        data = yamlfile.parse(path.read_bytes(), file=path.name).data
        if isinstance(data, dict):
            yield data


def _sources(_start: str) -> Iterator[str]:
    for data in _mapping_data():
        if isinstance(data.get("source"), str):
            yield data["source"]
        yield from _names(data.get("sources"))


def _rules(_start: str) -> Iterator[str]:
    for data in _mapping_data():
        yield from _names(data.get("outcomes"))


def _names(items: Any) -> Iterator[str]:
    for item in items if isinstance(items, list) else ():
        yield item["name"]


def _agents(_start: str) -> Iterator[str]:
    for data in _mapping_data():
        yield from data.get("agents") or ()


def _indicators(_start: str) -> Iterator[str]:
    for data in _mapping_data():
        for agent in (data.get("agents") or {}).values():
            yield from agent.get("indicators") or ()


def _schemes(_start: str) -> Iterable[str]:
    return RULES.names()


def _library(_start: str) -> Iterable[str]:
    return library()


def _deliveries(start: str) -> Iterable[str]:
    """Ids that begin so; of the newest deliveries where nothing is written yet."""
    if start:
        return Session().run(ids_from, start, limit=MOST_IDS)
    return [item.id for item in Session().run(newest, list_deliveries, DeliveryFilter(), MOST_IDS)]


def _groups(_start: str) -> Iterable[str]:
    return [group.id for group in Session().run(read_failures)]


def _ids_or_files(start: str) -> Iterable[str]:
    """Deliveries, and files whose path begins so."""
    folder, name = os.path.split(start)
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder or "."):
            if entry.name.startswith(name):
                yield os.path.join(folder, entry.name) + ("/" if entry.is_dir() else "")  # noqa: PTH118 - as it was begun
    yield from _deliveries(start)


#: By the name of a parameter, or of a command and its parameter where the name means another thing.
CHOICES: Mapping[str, Callable[[str], Iterable[str]]] = {
    "source": _sources,
    "source_name": _sources,
    "new source": _schemes,
    "rule": _rules,
    "state": lambda _start: DeliveryState,
    "reason": lambda _start: REASONS,
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
    "actions kind": lambda _start: ACTION_KINDS,
    "exceptions kind": lambda _start: EXCEPTION_KINDS,
    "kind": lambda _start: LINE_KINDS,
    "by": lambda _start: GROUPS,
    "basis_name": lambda _start: ("occurred", "recorded"),
}
