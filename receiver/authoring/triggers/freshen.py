"""An example as a new event: fresh ids where its key is read, the present where its time is.

Owns which values are replaced: those that the mapping's own `once_per` and `occurred_at` read, off
the compiler's tree, and those that the scheme takes for the delivery's id. A value that decides
anything else, such as the customer, stays, and is named. Refuses to guess by a member's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from mappings.engine.cel.expression import Expression
from mappings.engine.cel.reads import ANY, reads_of
from mappings.engine.loading.mapping_set import MappingSet
from mappings.engine.payload import PayloadError
from mappings.engine.redact.paths import PAYLOAD, NotRedactable, RedactPath
from mappings.engine.redact.taint import conflicts, taint_of
from mappings.engine.rules.program import Program
from mappings.engine.types import Mapped
from receiver.authoring.triggers.bodies import Leaf, Scalar, leaves_of, replaced
from receiver.authoring.triggers.examples import Example
from receiver.authoring.triggers.values import FreshIds, moment_of, moved

_BODY_ID = "body: "


@dataclass(frozen=True, slots=True)
class Replacement:
    """One value of the example and what stands there now."""

    kind: Literal["id", "time"]
    path: str
    old: Scalar
    new: Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshExample:
    """`kept` are members that the key reads and that stay: the rest of the outcome needs them.

    `is_new`: its outcomes have other keys than those of the example; true where it has none.
    """

    body: bytes
    replacements: tuple[Replacement, ...]
    kept: tuple[str, ...]
    mapped: Mapped
    is_new: bool


def freshen(
    example: Example, mappings: MappingSet, *, ids: FreshIds, now: datetime, id_place: str | None
) -> FreshExample:
    """The example with fresh ids and times; it maps to the same outcomes of other keys."""
    program = mappings.programs[example.source.name]
    before = mappings.map(example.delivery())
    try:
        leaves = leaves_of(example.body, example.headers.get("content-type"), program.body_rules)
    except PayloadError:
        leaves = []

    def body_with(new: dict[Leaf, Scalar]) -> bytes:
        content_type = example.headers.get("content-type")
        return replaced(example.body, content_type, program.body_rules, new)

    def maps_alike(new: dict[Leaf, Scalar]) -> bool:
        try:
            return _alike(mappings.map(example.delivery(body_with(new))), before)
        except (PayloadError, NotRedactable):
            return False

    keys = _read(leaves, program, _fields(program, "once_per"))
    times = _read(leaves, program, _fields(program, "occurred_at"))
    new = _largest(_moved(times, before, now), {}, maps_alike)
    of_ids = [leaf for leaf in (*keys, *_of_scheme(leaves, id_place)) if leaf not in new]
    wanted = {leaf: ids.of(leaf.value) for leaf in of_ids}
    new = _largest(wanted, new, maps_alike)
    for leaf in of_ids:
        if leaf not in new:
            ids.keep(leaf.value)
    new = {leaf: value for leaf, value in new.items() if value != leaf.value}
    body = body_with(new) if new else example.body
    mapped = mappings.map(replace(example.delivery(body), received_at=now))
    return FreshExample(
        body=body,
        replacements=tuple(_replacements(new, wanted)),
        kept=tuple(dict.fromkeys(leaf.path for leaf in wanted if leaf not in new)),
        mapped=mapped,
        is_new=not {one.key for one in mapped.outcomes} & {one.key for one in before.outcomes},
    )


def _fields(program: Program, name: str) -> list[Expression]:
    """The expressions of that field in all rules: a reversal reads what its charge reads."""
    return [
        expression
        for rule in program.rules
        for field in rule.fields()
        if field.name.partition("[")[0] == name
        for expression in field.template.expressions
    ]


def _read(leaves: Sequence[Leaf], program: Program, fields: list[Expression]) -> list[Leaf]:
    """The leaves that the expressions read, by way of `events` and every `let`."""
    members = reads_of(fields).members
    found = []
    for leaf in leaves:
        if leaf.names and (leaf.names[-1] in members or ANY in members):
            path = (RedactPath(PAYLOAD, leaf.names),)
            events, _ = taint_of(program.events, path)
            if conflicts(fields, path, events):
                found.append(leaf)
    return found


def _of_scheme(leaves: Iterable[Leaf], id_place: str | None) -> Iterator[Leaf]:
    """The leaf that the scheme takes for the delivery's id: the same id is the same delivery."""
    if id_place is not None and id_place.startswith(_BODY_ID):
        names = tuple(id_place.removeprefix(_BODY_ID).split("."))
        yield from (leaf for leaf in leaves if leaf.names == names)


def _moved(times: Sequence[Leaf], before: Mapped, now: datetime) -> dict[Leaf, Scalar]:
    """The times moved so that the latest outcome, or else the latest of them, occurs now."""
    mapped = [one.occurred_at for one in before.outcomes if one.occurred_at is not None]
    written = [at for at in (moment_of(leaf.value) for leaf in times) if at is not None]
    latest = max(mapped or written, default=None)
    if latest is None:
        return {}
    by = timedelta(seconds=(now - latest) // timedelta(seconds=1))
    found = {leaf: moved(leaf.value, by) for leaf in times}
    return {leaf: one for leaf, one in found.items() if one is not None}


def _largest(
    wanted: dict[Leaf, Scalar],
    chosen: dict[Leaf, Scalar],
    is_good: Callable[[dict[Leaf, Scalar]], bool],
) -> dict[Leaf, Scalar]:
    """`chosen` with as many of `wanted` as can go with it; halves are tried before single ones."""
    groups = [list(wanted)] if wanted else []
    while groups:
        group = groups.pop()
        more = {leaf: wanted[leaf] for leaf in group}
        if is_good({**chosen, **more}):
            chosen = {**chosen, **more}
        elif len(group) > 1:
            middle = len(group) // 2
            groups += [group[middle:], group[:middle]]
    return chosen


def _alike(one: Mapped, other: Mapped) -> bool:
    """Whether both say the same of agents, customers and indicators, or fail alike."""

    def said(mapped: Mapped) -> object:
        outcomes = [(o.event_index, o.rule, o.kind, o.triple) for o in mapped.outcomes]
        failures = [(f.event_index, f.rule, f.reason) for f in mapped.failures]
        return outcomes, failures, mapped.events

    return said(one) == said(other)


def _replacements(new: dict[Leaf, Scalar], wanted: dict[Leaf, Scalar]) -> Iterator[Replacement]:
    for leaf, value in new.items():
        kind: Literal["id", "time"] = "id" if leaf in wanted else "time"
        yield Replacement(kind, leaf.path, leaf.value, value)
