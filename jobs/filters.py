"""The one filter behind lists, replays and discards, in API and CLI alike.

Owns names and meaning: `ids, state, reason, source, rule, group, since,
until`; `group` is the id of a group of failures. Of deliveries, failures
and rejections `since` and `until` are of the time when they were received. Of what was billed they
are of the time when it occurred, and the other times have names that say which.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, true

from jobs.common.states import DeliveryState
from jobs.storage.schema import deliveries


class DeliveryFilter(BaseModel):
    """Which deliveries: all given parts must fit; `since` ≤ received_at < `until`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ids: tuple[str, ...] | None = Field(default=None, max_length=10_000)
    state: str | None = None
    reason: str | None = None
    source: str | None = None
    rule: str | None = None
    group: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def is_empty(self) -> bool:
        """Whether nothing at all was asked for."""
        return not self.model_dump(exclude_none=True)

    def where(self) -> ColumnElement[bool]:
        """The condition over `deliveries`."""
        columns = deliveries.c
        parts: list[ColumnElement[bool]] = [true()]
        if self.ids is not None:
            parts.append(columns.id.in_(self.ids))
        for name in ("state", "reason", "source", "rule"):
            wanted: Any = getattr(self, name)
            if wanted is not None:
                parts.append(columns[name] == wanted)
        if self.group is not None:
            # The states that can have one: of many deliveries few are read.
            parts.append(columns.state.in_((DeliveryState.FAILED, DeliveryState.DISCARDED)))
            parts.append(columns.failure_group == self.group)
        parts.extend(between(columns.received_at, self.since, self.until))
        condition = parts[0]
        for part in parts[1:]:
            condition = condition & part
        return condition


def between(
    column: Any, since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    """The conditions `since` ≤ column < `until`, of those that are given."""
    found: list[ColumnElement[bool]] = []
    if since is not None:
        found.append(column >= since)
    if until is not None:
        found.append(column < until)
    return found
