"""One key's book: what was said of it along its line, and its ledger: pure.

Owns where an outcome stands among the others of its key. Refuses to decide what follows from it;
see `jobs.ledger.owing`.

A key's outcomes stand on a line by their mapped time. Its reversals cut the line into stretches.
Without a mapped time a reversal counts as later than everything and a charge as earlier. A charge
that was billed anew by hand stands right before the one that it replaces, which so decides nothing
any more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from mappings.types import Kind

_ANY_TIME = datetime.min.replace(tzinfo=UTC)


class Moment(NamedTuple):
    """A place on a key's line: untimed charges first, untimed reversals last."""

    rank: int
    at: datetime
    reversal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An outcome with its place among those recorded for its key.

    `effective_at` is `occurred_at`, or when the delivery was received where none is mapped: for
    display and price, never for order. `replaces` names the charge that a person had billed anew by
    this one, and `place` is the ordinal by which it takes that one's place among charges of one
    moment; `action_id` is what the person did.
    """

    id: str
    ordinal: int
    kind: Kind
    occurred_at: datetime | None
    effective_at: datetime
    agent_id: str | None
    customer_id: str | None
    indicator: str | None
    amount_micros: int | None
    currency: str | None
    source: str
    delivery_id: str | None
    event_index: int | None
    mapping_version: str | None
    price_version: str | None
    meta_tags: Mapping[str, str]
    replaces: str | None = None
    place: int | None = None
    action_id: str | None = None

    @property
    def moment(self) -> Moment:
        is_reversal = self.kind is Kind.REVERSAL
        if self.occurred_at is not None:
            return Moment(0, self.occurred_at, is_reversal)
        return Moment(1 if is_reversal else -1, _ANY_TIME, is_reversal)

    @property
    def billed_as(self) -> tuple[str | None, ...]:
        return (self.agent_id, self.customer_id, self.indicator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the ledger. A reversal negates the amount of the charge it `reverses`."""

    id: str
    sequence: int
    kind: Kind
    reverses: str | None
    agent_id: str
    customer_id: str
    indicator: str
    amount_micros: int
    currency: str
    occurred_at: datetime
    source: str
    delivery_id: str | None
    event_index: int | None
    outcome_id: str
    mapping_version: str | None
    price_version: str | None
    meta_tags: Mapping[str, str]


@dataclass(slots=True)
class KeyBook:
    """All that is recorded of one key: its outcomes and its ledger, in order.

    Charges and reversals are also kept in the order of their line, so that a key with thousands
    of outcomes takes no longer to decide on than one with two.
    """

    key: str
    outcomes: list[Recorded] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    #: The place of the outcome recorded last; copies of one moment may have been left out.
    last_ordinal: int = 0
    _charges: list[Recorded] = field(init=False, repr=False, compare=False)
    _reversals: list[Recorded] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        in_line = sorted(self.outcomes, key=_place)
        self._charges = [one for one in in_line if one.kind is Kind.CHARGE]
        self._reversals = [one for one in in_line if one.kind is Kind.REVERSAL]

    @property
    def open_charge(self) -> Entry | None:
        """The charge that no reversal took back: the last line, if it is a charge."""
        last = self.entries[-1] if self.entries else None
        return last if last is not None and last.kind is Kind.CHARGE else None

    def record(self, outcome: Recorded) -> None:
        """Add what was recorded next."""
        self.outcomes.append(outcome)
        self.last_ordinal = outcome.ordinal
        insort(self._line_of(outcome), outcome, key=_place)

    def take_back(self, *, posted: int) -> None:
        """Forget the outcome recorded last, and the lines that it posted, so many of them."""
        outcome = self.outcomes.pop()
        self.last_ordinal -= 1
        line = self._line_of(outcome)
        del line[bisect_left(line, _place(outcome), key=_place)]
        del self.entries[len(self.entries) - posted :]

    def owed(self) -> Recorded | None:
        """The earliest charge after the last reversal; at equal times the first recorded."""
        cut = self._reversals[-1] if self._reversals else None
        first = self._first_charge_after(cut)
        return self._charges[first] if first < len(self._charges) else None

    def company_of(self, charge: Recorded) -> Recorded | None:
        """The earliest of the other charges between the same two reversals, if there is one."""
        end = bisect_left(self._reversals, charge.moment, key=_moment)
        first = self._first_charge_after(self._reversals[end - 1] if end else None)
        found = self._charges[first] if first < len(self._charges) else None
        if found is None or end == len(self._reversals):
            return found
        return found if found.moment < self._reversals[end].moment else None

    @property
    def latest_charge(self) -> Recorded | None:
        """The charge that stands last on the line, whether it is owed or not."""
        return self._charges[-1] if self._charges else None

    def is_latest(self, moment: Moment) -> bool:
        """Whether nothing recorded is as late as this."""
        return all(not line or line[-1].moment < moment for line in self._lines)

    @property
    def _lines(self) -> tuple[list[Recorded], list[Recorded]]:
        return (self._charges, self._reversals)

    def _line_of(self, outcome: Recorded) -> list[Recorded]:
        return self._charges if outcome.kind is Kind.CHARGE else self._reversals

    def _first_charge_after(self, cut: Recorded | None) -> int:
        return 0 if cut is None else bisect_right(self._charges, cut.moment, key=_moment)


def _moment(outcome: Recorded) -> Moment:
    return outcome.moment


def _place(outcome: Recorded) -> tuple[Moment, int, int]:
    """Of one moment the first recorded comes first, and before it what replaces it."""
    return (outcome.moment, outcome.place or outcome.ordinal, -outcome.ordinal)
