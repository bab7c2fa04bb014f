"""The filters of lists, replays, discards and corrections: one model for API, CLI and dashboard.

Owns each filter's name, the condition it stands for and its choices: a new filter is one line here.
Of deliveries, failures and rejections `since` and `until` refer to when they were received; of what
was billed, to when it occurred, and its other times are named for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, and_, literal_column, or_, select, true

from jobs.actions import KINDS as ACTION_KINDS
from jobs.common.errors import FilterInvalid
from jobs.common.parsing import MAX_IDS, check_choice, check_ids, check_text, parse_time
from jobs.common.states import REASONS, DeliveryState
from jobs.storage.schema import actions, billing_events, deliveries, outcomes, rejections

#: What a billing event can be.
LINE_KINDS = ("charge", "reversal")
#: Every filter that is a time, in pairs.
TIMES = (
    *("since", "until"),
    *("recorded_since", "recorded_until"),
    *("received_since", "received_until"),
)


@dataclass(frozen=True, slots=True)
class Where:
    """The condition that a filter's value stands for."""

    condition: Callable[[Any], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Choices:
    """The only values that a filter takes."""

    values: tuple[str, ...]


def equals(*columns: ColumnElement[Any]) -> Where:
    """Any of the columns equals the value."""
    return Where(lambda value: or_(*(column == value for column in columns)))


def among(*columns: ColumnElement[Any]) -> Where:
    """Any of the columns equals one of the values."""
    return Where(lambda values: or_(*(column.in_(values) for column in columns)))


def at_or_after(column: ColumnElement[datetime]) -> Where:
    """The column is this time or later."""
    return Where(lambda time: column >= time)


def before(column: ColumnElement[datetime]) -> Where:
    """The column is before this time."""
    return Where(lambda time: column < time)


Ids = Annotated[tuple[str, ...] | None, Field(max_length=MAX_IDS)]
Text = str | None
Time = AwareDatetime | None


class Filter(BaseModel):
    """Which rows of a list: all given parts must fit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: What `ids` are ids of.
    id_kind: ClassVar[str] = "deliveries"

    def is_empty(self) -> bool:
        """Whether nothing at all was asked for."""
        return not self.as_json()

    def check_not_empty(self, command: str) -> None:
        """Raise FilterInvalid with the filters there are, where nothing at all was asked for."""
        if self.is_empty():
            *names, last = type(self).model_fields
            raise FilterInvalid(f"name what to {command}: {', '.join(names)} or {last}")

    def as_json(self) -> dict[str, Any]:
        """The parts that were asked for."""
        return self.model_dump(mode="json", exclude_none=True)

    def where(self) -> ColumnElement[bool]:
        """The condition over the rows."""
        conditions = [
            marker.condition(getattr(self, name))
            for name, field in type(self).model_fields.items()
            for marker in field.metadata
            if isinstance(marker, Where) and getattr(self, name) is not None
        ]
        return and_(true(), *conditions)

    @classmethod
    def parse(
        cls, given: Mapping[str, str | None], zone: ZoneInfo, *, ids: Iterable[str] | None = None
    ) -> Self:
        """The filter as a person wrote it; `ids` as a list, or in `given` separated by commas.

        A date is its midnight in `zone`. Raises FilterInvalid.
        """
        texts = {name: text for name, text in given.items() if text is not None}
        _check_texts(texts)
        listed = texts.pop("ids", None)
        if ids is None and listed is not None:
            ids = [text.strip() for text in listed.split(",") if text.strip()]
        for name, choices in cls.choices().items():
            check_choice(name, texts.get(name), choices)
        values: dict[str, Any] = {**texts, **_times(texts, zone)}
        if ids is not None:
            values["ids"] = check_ids(ids, cls.id_kind)
        return cls.model_validate(values)

    @classmethod
    def choices(cls) -> dict[str, tuple[str, ...]]:
        """The filters that take certain values only, and these."""
        return {
            name: marker.values
            for name, field in cls.model_fields.items()
            for marker in field.metadata
            if isinstance(marker, Choices)
        }


def _in_group(group: str) -> ColumnElement[bool]:
    # The states that can have a group: of many deliveries few are read.
    states = deliveries.c.state.in_((DeliveryState.FAILED, DeliveryState.DISCARDED))
    return states & (deliveries.c.failure_group == group)


class DeliveryFilter(Filter):
    """Which deliveries; `since` ≤ received_at < `until`. `group` is the id of a failure group."""

    ids: Annotated[Ids, among(deliveries.c.id)] = None
    state: Annotated[Text, equals(deliveries.c.state), Choices(tuple(DeliveryState))] = None
    reason: Annotated[Text, equals(deliveries.c.reason), Choices(REASONS)] = None
    source: Annotated[Text, equals(deliveries.c.source)] = None
    rule: Annotated[Text, equals(deliveries.c.rule)] = None
    group: Annotated[Text, Where(_in_group)] = None
    since: Annotated[Time, at_or_after(deliveries.c.received_at)] = None
    until: Annotated[Time, before(deliveries.c.received_at)] = None


_lines = billing_events.c


def _is_of_kind(kind: str) -> ColumnElement[bool]:
    # Written out: the index of reversals is known by its condition.
    return _lines.kind == literal_column(f"'{kind}'")


def _caused_by(rule: str) -> ColumnElement[bool]:
    cause = outcomes.alias("cause")
    named = (cause.c.id == _lines.outcome_id) & (cause.c.rule == rule)
    return select(cause.c.id).where(named).exists()


class BillingFilter(Filter):
    """Which billing events.

    `since` ≤ occurred_at < `until`; `recorded_since` ≤ recorded_at < `recorded_until`.
    `rule` is the rule whose outcome caused the billing event.
    """

    agent: Annotated[Text, equals(_lines.agent_id)] = None
    customer: Annotated[Text, equals(_lines.customer_id)] = None
    indicator: Annotated[Text, equals(_lines.indicator)] = None
    source: Annotated[Text, equals(_lines.source)] = None
    rule: Annotated[Text, Where(_caused_by)] = None
    kind: Annotated[
        Literal["charge", "reversal"] | None, Where(_is_of_kind), Choices(LINE_KINDS)
    ] = None
    currency: Annotated[Text, equals(_lines.currency)] = None
    delivery: Annotated[Text, equals(_lines.delivery_id)] = None
    outcome_key: Annotated[Text, equals(_lines.outcome_key)] = None
    since: Annotated[Time, at_or_after(_lines.occurred_at)] = None
    until: Annotated[Time, before(_lines.occurred_at)] = None
    recorded_since: Annotated[Time, at_or_after(_lines.recorded_at)] = None
    recorded_until: Annotated[Time, before(_lines.recorded_at)] = None


class ChargeFilter(Filter):
    """Which charges, over `billing_events` with their `outcomes` and `deliveries`.

    `since` ≤ occurred_at < `until`. `recorded_since` and `recorded_until` are of the line,
    `received_since` and `received_until` of the delivery that it was billed by. `rule` is the rule
    that billed; `ids` are those of billing events, of deliveries, or outcome keys.
    """

    id_kind: ClassVar[str] = "charges"

    ids: Annotated[Ids, among(_lines.id, _lines.delivery_id, _lines.outcome_key)] = None
    source: Annotated[Text, equals(_lines.source)] = None
    rule: Annotated[Text, equals(outcomes.c.rule)] = None
    since: Annotated[Time, at_or_after(_lines.occurred_at)] = None
    until: Annotated[Time, before(_lines.occurred_at)] = None
    recorded_since: Annotated[Time, at_or_after(_lines.recorded_at)] = None
    recorded_until: Annotated[Time, before(_lines.recorded_at)] = None
    received_since: Annotated[Time, at_or_after(deliveries.c.received_at)] = None
    received_until: Annotated[Time, before(deliveries.c.received_at)] = None
    agent: Annotated[Text, equals(_lines.agent_id)] = None
    customer: Annotated[Text, equals(_lines.customer_id)] = None
    indicator: Annotated[Text, equals(_lines.indicator)] = None

    def where(self) -> ColumnElement[bool]:
        """The condition over the rows, charges alone."""
        return (_lines.kind == "charge") & super().where()


class RejectionFilter(Filter):
    """Which rejections; `since` ≤ at < `until`.

    Those of a source include the requests that were meant for it and missed its URL.
    """

    source: Annotated[Text, equals(rejections.c.source, rejections.c.nearest_source)] = None
    cause: Annotated[Text, equals(rejections.c.cause)] = None
    since: Annotated[Time, at_or_after(rejections.c.at)] = None
    until: Annotated[Time, before(rejections.c.at)] = None


class ActionFilter(Filter):
    """Which actions; `since` ≤ at < `until`."""

    kind: Annotated[Text, equals(actions.c.kind), Choices(ACTION_KINDS)] = None
    actor: Annotated[Text, equals(actions.c.actor)] = None
    since: Annotated[Time, at_or_after(actions.c.at)] = None
    until: Annotated[Time, before(actions.c.at)] = None


def _check_texts(texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        if not text.strip():
            raise FilterInvalid(f"{name} is empty; give it a value or leave it out")
        check_text(name, text)


def _times(texts: Mapping[str, str], zone: ZoneInfo) -> dict[str, datetime]:
    times = {name: parse_time(name, texts[name], zone) for name in TIMES if name in texts}
    for begin, end in zip(TIMES[::2], TIMES[1::2], strict=True):
        if begin in times and end in times and times[begin] > times[end]:
            given = f"{begin} is {texts[begin][:80]!r} and {end} is {texts[end][:80]!r}"
            raise FilterInvalid(f"{given}, which is earlier: nothing fits; swap them")
    return times
