"""How each rule has fared: which ones bill, which fail, which never match."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pydantic import AwareDatetime
from sqlalchemy import func, select

from jobs.common.states import DeliveryState
from jobs.queries.shape import Shape
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, outcomes
from mappings.engine.loading.mapping_set import MappingSet


class RuleItem(Shape):
    """How a rule has fared.

    `never_matched_in` deliveries of its source; null once it matched, and in shadow.
    """

    source: str
    rule: str
    mode: str | None
    matched: int
    errored: int
    last_match: AwareDatetime | None
    never_matched_in: int | None


class KnownRule(NamedTuple):
    """A rule of the mappings in force; `mode` is live or shadow."""

    source: str
    rule: str
    mode: str


def known_rules(mappings: MappingSet) -> list[KnownRule]:
    """All rules of the mappings."""
    return [
        KnownRule(source.name, rule.name, source.mode)
        for source in mappings.sources.values()
        for rule in source.rules
    ]


@dataclass(frozen=True, slots=True)
class _Counts:
    """The counts of each (source, rule), and of each source."""

    matched: dict[tuple[str, str], tuple[int, datetime]]
    errored: dict[tuple[str, str], int]
    settled: dict[str, int]


async def read_rules(database: Database, known: Iterable[KnownRule]) -> tuple[RuleItem, ...]:
    """The rules in force and those that only the records remember (mode null), by name.

    `matched` counts the outcomes recorded of the rule, `errored` the deliveries that are failed
    with its name, `never_matched_in` the settled deliveries of its source if it never matched.
    """
    counts = await _counts(database)
    modes = {(rule.source, rule.rule): rule.mode for rule in known}
    names = sorted({*modes, *counts.matched, *counts.errored})
    return tuple(_item(source, rule, modes, counts) for source, rule in names)


async def _counts(database: Database) -> _Counts:
    decided = outcomes.c
    of_rule = select(
        decided.source, decided.rule, func.count(), func.max(decided.recorded_at)
    ).where(
        decided.action_id.is_(None)  # what a person corrected was no match
    )
    columns = deliveries.c
    failed = select(columns.source, columns.rule, func.count()).where(
        columns.state == DeliveryState.FAILED, columns.rule.is_not(None)
    )
    settled = select(columns.source, func.count()).where(
        columns.state.in_((DeliveryState.RECORDED, DeliveryState.IGNORED))
    )
    async with database.snapshot() as connection:
        matched = await connection.execute(of_rule.group_by(decided.source, decided.rule))
        errored = await connection.execute(failed.group_by(columns.source, columns.rule))
        of_source = await connection.execute(settled.group_by(columns.source))
        return _Counts(
            matched={(row[0], row[1]): (row[2], row[3]) for row in matched},
            errored={(row[0], row[1]): row[2] for row in errored},
            settled={row[0]: row[1] for row in of_source},
        )


def _item(source: str, rule: str, modes: dict[tuple[str, str], str], counts: _Counts) -> RuleItem:
    matched, last = counts.matched.get((source, rule), (0, None))
    mode = modes.get((source, rule))
    # What a rule matches in shadow is not recorded, so it cannot be known that it never did.
    is_silent = not matched and mode != "shadow"
    return RuleItem(
        source=source,
        rule=rule,
        mode=mode,
        matched=matched,
        errored=counts.errored.get((source, rule), 0),
        last_match=last,
        never_matched_in=counts.settled.get(source, 0) if is_silent else None,
    )
