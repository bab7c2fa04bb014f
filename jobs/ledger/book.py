"""One key's book: its outcomes in the order of time, and its ledger: pure.

Owns where an outcome stands among the others of its key, and which charge each stretch of time
ends with. Refuses to decide what is posted; see `jobs.ledger.owing`.

A key's outcomes stand on a line by their mapped time; at equal times charges come first, then
reversals, then reinstatements. Without a mapped time a charge counts as earlier than everything, a
reversal and a reinstatement as later. The reversals cut the line into intervals. A replacement by
hand stands at the place of the charge that it replaces, so that the replaced one decides nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from mappings.engine.types import AmountRule, Kind

_ANY_TIME = datetime.min.replace(tzinfo=UTC)
_TURNS = {Kind.CHARGE: 0, Kind.REVERSAL: 1, Kind.REINSTATEMENT: 2}


class Moment(NamedTuple):
    """A place on a key's line. `turn` decides between the kinds at equal times.

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


_moment = attrgetter("moment")
_NEVER = Arrival(_ANY_TIME, "", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An outcome with its place among those recorded for its key.

    `effective_at` is `occurred_at`, or when the delivery was received where none is mapped: for
    display and price, never for order. `amount_rule` says of a charge whether it replaces an
    earlier one of its interval. `replaces` names the charge that this one replaces by hand, and
    `place` is the ordinal by which it takes that charge's place at equal times; `arrival` is then
    that charge's too. `action_id` is what the person did.
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
    amount_rule: AmountRule = AmountRule.FIRST
    arrival: Arrival = _NEVER
    replaces: str | None = None
    place: int | None = None
    action_id: str | None = None

    #: Its place in the order of time, worked out once: it is compared very often.
    moment: Moment = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "moment", self._moment())

    def _moment(self) -> Moment:
        turn = _TURNS[self.kind]
        if self.occurred_at is not None:
            return Moment(0, self.occurred_at, turn)
        if self.kind is Kind.CHARGE:
            return Moment(-1, _ANY_TIME, turn)
        if self.action_id is not None:
            return Moment(2, _ANY_TIME + self.ordinal * timedelta.resolution, turn)
        return Moment(1, _ANY_TIME, turn)

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


class Held(NamedTuple):
    """The charge that an interval ends with, and what makes it owed: itself or a reinstatement."""

    charge: Recorded
    by: Recorded


class Memory(NamedTuple):
    """What a reinstatement behind a reversal brings back, and whether that reversal closed it.

    A reversal that finds nothing open remembers nothing, unless it is a copy: of the same moment as
    the reversal before it, whose memory it has.
    """

    charge: Recorded | None
    is_closing: bool


_NOTHING = Memory(None, is_closing=False)


@dataclass(slots=True)
class Line:
    """The outcomes of one key in the order of time.

    `remembered` has for each reversal what a reinstatement after it brings back, so that
    thousands of outcomes take no longer to decide on than two: what is recorded changes the memory
    of the reversals behind it only until one remembers what it did before.
    """

    reversals: list[Recorded] = field(default_factory=list)
    reinstatements: list[Recorded] = field(default_factory=list)
    firsts: list[Recorded] = field(default_factory=list)
    latests: list[Recorded] = field(default_factory=list)
    remembered: list[Memory] = field(default_factory=list)

    def add(self, outcome: Recorded) -> None:
        """Put an outcome in its place."""
        found, place = self._list_of(outcome)
        index = bisect_right(found, place(outcome), key=place)
        found.insert(index, outcome)
        if found is self.reversals:
            self.remembered.insert(index, _NOTHING)
            self._remember(index, at_least=2)
        else:
            self._remember(self.interval_of(outcome))

    def remove(self, outcome: Recorded) -> None:
        """Take an outcome out again."""
        found, place = self._list_of(outcome)
        index = bisect_left(found, place(outcome), key=place)
        del found[index]
        if found is self.reversals:
            del self.remembered[index]
            self._remember(index)
        else:
            self._remember(self.interval_of(outcome))

    def interval_of(self, outcome: Recorded) -> int:
        """How many reversals come before it."""
        return bisect_left(self.reversals, outcome.moment, key=_moment)

    def held(self, interval: int) -> Held | None:
        """What is owed at the end of an interval.

        Its last charge told by `latest` if there is one, or its first charge, or the remembered
        charge where a reinstatement comes before that.
        """
        if latest := self._ends(self.latests, interval):
            return Held(latest[1], latest[1])
        first = self._ends(self.firsts, interval)
        restored = self._restored(interval)
        if restored is not None and (not first or restored.by.moment < first[0].moment):
            return restored
        return Held(first[0], first[0]) if first else None

    def company_of(self, charge: Recorded) -> Recorded | None:
        """What else bills in the interval of a charge, which may be on the line or not.

        Other charges speak first, and then what a reinstatement before it brought back.
        """
        interval = self.interval_of(charge)
        ends = (*reversed(self._ends(self.latests, interval)), *self._ends(self.firsts, interval))
        other = next((one for one in ends if one is not charge), None)
        restored = self._restored(interval)
        if other is None and restored is not None and restored.by.moment < charge.moment:
            return restored.charge
        return other

    def keeps_closed(self, reversal: Recorded) -> bool:
        """Whether this reversal makes a reinstatement behind it count for nothing."""
        interval = bisect_right(self.reversals, reversal.moment, key=_moment)
        behind = self.reinstatements[self._span(self.reinstatements, interval)]
        if self.remembered[interval - 1].charge is None:
            return bool(behind)
        return not self._undoes_by_hand(interval) and any(one.action_id for one in behind)

    def is_latest(self, moment: Moment) -> bool:
        """Whether nothing recorded is as late as this."""
        lists = (self.reversals, self.reinstatements, self.firsts, self.latests)
        return all(not found or found[-1].moment < moment for found in lists)

    def _restored(self, interval: int) -> Held | None:
        """What the first reinstatement of an interval brings back if nothing is owed by then."""
        charge = self.remembered[interval - 1].charge if interval else None
        if charge is None:
            return None
        undoes_by_hand = self._undoes_by_hand(interval)
        span = self._span(self.reinstatements, interval)
        for one in islice(self.reinstatements, span.start, span.stop):
            if one.action_id is None or undoes_by_hand:
                return Held(charge, one)
        return None

    def _undoes_by_hand(self, interval: int) -> bool:
        """Whether a reinstatement by hand counts there: it takes back what a person took back.

        What a vendor took back by then stays so, whenever that is heard of.
        """
        by_hand = self.reversals[interval - 1].action_id is not None if interval else False
        return by_hand and self.remembered[interval - 1].is_closing

    def _ends(self, found: list[Recorded], interval: int) -> tuple[Recorded, ...]:
        """The first and the last of these outcomes in an interval; nothing where it has none."""
        span = self._span(found, interval)
        return (found[span.start], found[span.stop - 1]) if span.start < span.stop else ()

    def _span(self, found: list[Recorded], interval: int) -> slice:
        """Where the outcomes of an interval are among these."""
        start, end = 0, len(found)
        if interval:
            start = bisect_right(found, self.reversals[interval - 1].moment, key=_moment)
        if interval < len(self.reversals):
            end = bisect_left(found, self.reversals[interval].moment, key=_moment)
        return slice(start, end)

    def _remember(self, start: int, *, at_least: int = 1) -> None:
        """What the reversals from there on remember, until one remembers what it did before."""
        for index in range(start, len(self.reversals)):
            held = self.held(index)
            earlier = self.remembered[index - 1].charge if self._is_copy(index) else None
            now = Memory(earlier if held is None else held.charge, held is not None)
            known = self.remembered[index]
            is_same = now.charge is known.charge and now.is_closing == known.is_closing
            if is_same and index + 1 >= start + at_least:
                return
            self.remembered[index] = now

    def _is_copy(self, index: int) -> bool:
        found = self.reversals
        return index > 0 and found[index - 1].moment == found[index].moment

    def _list_of(self, outcome: Recorded) -> tuple[list[Recorded], Callable[[Recorded], Any]]:
        if outcome.kind is Kind.REVERSAL:
            return self.reversals, _place
        if outcome.kind is Kind.REINSTATEMENT:
            return self.reinstatements, _place
        if outcome.amount_rule is AmountRule.LATEST:
            return self.latests, _arrival
        return self.firsts, _place


@dataclass(slots=True)
class KeyBook:
    """All that is recorded of one key: its outcomes as they were recorded, and its ledger."""

    key: str
    outcomes: list[Recorded] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    #: The place of the outcome recorded last; copies of one moment may have been left out.
    last_ordinal: int = 0
    line: Line = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.line = Line()
        for outcome in self.outcomes:
            self.line.add(outcome)

    @property
    def open_charge(self) -> Entry | None:
        """The charge that no reversal took back: the last line, if it is a charge."""
        last = self.entries[-1] if self.entries else None
        return last if last is not None and last.kind is Kind.CHARGE else None

    def record(self, outcome: Recorded) -> None:
        """Add what was recorded next."""
        self.outcomes.append(outcome)
        self.last_ordinal = outcome.ordinal
        self.line.add(outcome)

    def take_back(self, *, posted: int = 0) -> None:
        """Forget the outcome recorded last, and the lines that it posted, so many of them."""
        outcome = self.outcomes.pop()
        self.last_ordinal -= 1
        self.line.remove(outcome)
        del self.entries[len(self.entries) - posted :]

    def held(self) -> Held | None:
        """What the key owes, and what makes it owed."""
        return self.line.held(len(self.line.reversals))

    def owed(self) -> Recorded | None:
        """The charge that the key owes."""
        held = self.held()
        return None if held is None else held.charge

    @property
    def last_opening(self) -> Recorded | None:
        """The charge or reinstatement that stands last on the line, whether it opens or not."""
        lists = (self.line.firsts, self.line.latests, self.line.reinstatements)
        return max((found[-1] for found in lists if found), key=_moment, default=None)


def time_behind(other: Recorded | None, kind: Kind, now: datetime) -> datetime | None:
    """The `occurred_at` by which an outcome by hand stands behind another one.

    That is now, or later where the other is ahead of the clock; None behind an untimed reversal or
    reinstatement, since no time is later than those.
    """
    if other is None or other.moment.rank < 0:
        return now
    if other.moment.rank > 0:
        return None
    is_behind = other.moment.turn < _TURNS[kind]
    return max(now, other.moment.at + (timedelta() if is_behind else timedelta.resolution))


def _place(outcome: Recorded) -> tuple[Moment, int, int]:
    """Of one moment the first recorded comes first, and before it what replaces it."""
    return (outcome.moment, outcome.place or outcome.ordinal, -outcome.ordinal)


def _arrival(outcome: Recorded) -> tuple[Moment, Arrival, int]:
    """Of one moment the last received comes last, and behind it what replaces it."""
    return (outcome.moment, outcome.arrival, outcome.ordinal)
