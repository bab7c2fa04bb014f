"""The records of the ledger: an outcome as recorded, and a line.

Owns how both follow from the rows of `outcomes` and `billing_events`: each field of `Terms` and of
`Provenance` is a column of both tables, so that a new column is one field. Refuses to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from mappings.engine.types import AmountRule, Kind, Terms

_ANY_TIME = datetime.min.replace(tzinfo=UTC)
#: At equal times the kinds come in this order.
TURNS = {Kind.CHARGE: 0, Kind.REVERSAL: 1, Kind.REINSTATEMENT: 2}

R = TypeVar("R", Terms, "Provenance")


class SortKey(NamedTuple):
    """A position on a key's timeline. `turn` decides between the kinds at equal times.

    `rank` is -1 for untimed charges, 0 for what has a time, 1 for other untimed outcomes, and 2
    for untimed outcomes by hand, which stand behind those in the order in which they were made.
    """

    rank: int
    at: datetime
    turn: int


class Arrival(NamedTuple):
    """When an outcome was received: the order between charges of one time under `latest`."""

    received_at: datetime
    delivery_id: str
    event_index: int


_NEVER = Arrival(_ANY_TIME, "", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where an outcome comes from. Outcomes by hand have a source alone, or their charge's."""

    source: str
    delivery_id: str | None
    event_index: int | None
    mapping_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An outcome as recorded for its key: a row of `outcomes`, without what settling made of it.

    `effective_at` is `occurred_at`, or when the delivery was received where none is mapped: for
    display and price, never for order. `amount_rule`: whether a charge replaces an
    earlier one of its interval. `replaces` names the charge that this one replaces by hand, and
    `place` is the ordinal by which it takes that charge's place at equal times; `arrival` is then
    that charge's too. `action_id` is what the person did.
    """

    id: str
    key: str
    ordinal: int
    rule: str
    kind: Kind
    occurred_at: datetime | None
    effective_at: datetime
    terms: Terms
    provenance: Provenance
    value: Decimal | None = None
    amount_rule: AmountRule = AmountRule.FIRST
    arrival: Arrival = _NEVER
    replaces: str | None = None
    place: int | None = None
    action_id: str | None = None

    #: Computed once, since it is compared very often.
    sort_key: SortKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sort_key", self._sort_key())

    def _sort_key(self) -> SortKey:
        turn = TURNS[self.kind]
        if self.occurred_at is not None:
            return SortKey(0, self.occurred_at, turn)
        if self.kind is Kind.CHARGE:
            return SortKey(-1, _ANY_TIME, turn)
        if self.action_id is not None:
            return SortKey(2, _ANY_TIME + self.ordinal * timedelta.resolution, turn)
        return SortKey(1, _ANY_TIME, turn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the ledger: a row of `billing_events`. A reversal negates what it `reverses`.

    The terms are those of a recorded charge; the provenance is that of the outcome that posted
    the line, `outcome_id`.
    """

    id: str
    key: str
    sequence: int
    kind: Kind
    reverses: str | None
    occurred_at: datetime
    outcome_id: str
    terms: Terms
    provenance: Provenance

    @property
    def amount_micros(self) -> int:
        """What the line adds to the bill of its customer."""
        assert self.terms.amount_micros is not None  # noqa: S101 - the table refuses null
        return self.terms.amount_micros

    @property
    def currency(self) -> str:
        """The currency of the amount."""
        assert self.terms.currency is not None  # noqa: S101 - the table refuses null
        return self.terms.currency


def recorded_of(
    row: Mapping[Any, Any], *, received_at: datetime, arrival: Arrival = _NEVER
) -> Recorded:
    """The outcome in a row of `outcomes`."""
    return Recorded(
        id=row["id"],
        key=row["outcome_key"],
        ordinal=row["ordinal"],
        rule=row["rule"],
        kind=Kind(row["kind"]),
        occurred_at=row["occurred_at"],
        effective_at=row["occurred_at"] or received_at,
        terms=_from_columns(Terms, row),
        provenance=_from_columns(Provenance, row),
        value=None if row["value"] is None else Decimal(row["value"]),
        amount_rule=AmountRule(row["amount_rule"]),
        arrival=arrival,
        replaces=row["replaces"],
        place=row["place"],
        action_id=row["action_id"],
    )


def entry_of(row: Mapping[Any, Any]) -> Entry:
    """The line in a row of `billing_events`."""
    return Entry(
        id=row["id"],
        key=row["outcome_key"],
        sequence=row["sequence"],
        kind=Kind(row["kind"]),
        reverses=row["reverses"],
        occurred_at=row["occurred_at"],
        outcome_id=row["outcome_id"],
        terms=_from_columns(Terms, row),
        provenance=_from_columns(Provenance, row),
    )


def shared_columns(record: Recorded | Entry) -> dict[str, Any]:
    """The columns that `outcomes` and `billing_events` have in common."""
    return {
        "id": record.id,
        "outcome_key": record.key,
        "kind": record.kind.value,
        "occurred_at": record.occurred_at,
        **{name: getattr(record.terms, name) for name in Terms.__slots__},
        **{name: getattr(record.provenance, name) for name in Provenance.__slots__},
        "meta_tags": dict(record.terms.meta_tags),
    }


def _from_columns(record: type[R], row: Mapping[Any, Any]) -> R:
    return record(**{name: row[name] for name in record.__slots__})
