"""The outcomes of one key in the order of time: pure.

Owns where an outcome stands among the others of its key, and which charge each interval ends
with. Refuses to decide what is posted; see `jobs.ledger.owing`.

Outcomes stand on the timeline by their mapped time; at equal times charges come first, then
reversals, then reinstatements. Without a mapped time a charge precedes everything, and a reversal
or a reinstatement follows everything. The reversals cut the timeline into intervals. A replacement
by hand stands where the charge stands that it replaces, so that the replaced one decides nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from jobs.ledger.records import Arrival, Recorded, SortKey
from mappings.engine.types import AmountRule, Kind

_sort_key = attrgetter("sort_key")


class Held(NamedTuple):
    """The charge that an interval ends with, and what makes it owed: itself or a reinstatement."""

    charge: Recorded
    by: Recorded


class Memory(NamedTuple):
    """What a reinstatement behind a reversal brings back, and whether that reversal closed it.

    A reversal that finds nothing open remembers nothing, except a copy: one with the sort key of
    the reversal before it, whose memory it shares.
    """

    charge: Recorded | None
    is_closing: bool


_NOTHING = Memory(None, is_closing=False)


@dataclass(slots=True)
class Timeline:
    """The outcomes of one key in the order of time.

    `remembered` has for each reversal what a reinstatement after it brings back, so that thousands
    of outcomes take no longer to decide on than two: a new outcome changes the memory of the
    reversals after it only up to the first whose memory stays the same.
    """

    reversals: list[Recorded] = field(default_factory=list)
    reinstatements: list[Recorded] = field(default_factory=list)
    firsts: list[Recorded] = field(default_factory=list)
    latests: list[Recorded] = field(default_factory=list)
    remembered: list[Memory] = field(default_factory=list)

    def add(self, outcome: Recorded) -> None:
        """Insert an outcome."""
        outcomes, order = self._list_of(outcome)
        index = bisect_right(outcomes, order(outcome), key=order)
        outcomes.insert(index, outcome)
        if outcomes is self.reversals:
            self.remembered.insert(index, _NOTHING)
            self._remember(index, at_least=2)
        else:
            self._remember(self.interval_of(outcome))

    def remove(self, outcome: Recorded) -> None:
        """Remove an outcome."""
        outcomes, order = self._list_of(outcome)
        index = bisect_left(outcomes, order(outcome), key=order)
        del outcomes[index]
        if outcomes is self.reversals:
            del self.remembered[index]
            self._remember(index)
        else:
            self._remember(self.interval_of(outcome))

    def interval_of(self, outcome: Recorded) -> int:
        """How many reversals come before it."""
        return bisect_left(self.reversals, outcome.sort_key, key=_sort_key)

    def held(self, interval: int) -> Held | None:
        """What is owed at the end of an interval.

        Its last charge by `latest`; without one its first charge, or the remembered charge where a
        reinstatement precedes that.
        """
        if latest := self._ends(self.latests, interval):
            return Held(latest[1], latest[1])
        first = self._ends(self.firsts, interval)
        restored = self._restored(interval)
        if restored is not None and (not first or restored.by.sort_key < first[0].sort_key):
            return restored
        return Held(first[0], first[0]) if first else None

    def charge_in_same_interval(self, charge: Recorded) -> Recorded | None:
        """What else bills in the interval of a charge, which may be on the timeline or not.

        Other charges come first, then what a reinstatement before it brought back.
        """
        interval = self.interval_of(charge)
        ends = (*reversed(self._ends(self.latests, interval)), *self._ends(self.firsts, interval))
        other = next((end for end in ends if end is not charge), None)
        restored = self._restored(interval)
        if other is None and restored is not None and restored.by.sort_key < charge.sort_key:
            return restored.charge
        return other

    def keeps_closed(self, reversal: Recorded) -> bool:
        """Whether this reversal makes a reinstatement after it ineffective."""
        interval = bisect_right(self.reversals, reversal.sort_key, key=_sort_key)
        later = self.reinstatements[self._span(self.reinstatements, interval)]
        if self.remembered[interval - 1].charge is None:
            return bool(later)
        return not self._undoes_by_hand(interval) and any(outcome.action_id for outcome in later)

    def is_latest(self, sort_key: SortKey) -> bool:
        """Whether nothing recorded is as late as this."""
        lists = (self.reversals, self.reinstatements, self.firsts, self.latests)
        return all(not outcomes or outcomes[-1].sort_key < sort_key for outcomes in lists)

    def _restored(self, interval: int) -> Held | None:
        """What the first reinstatement of an interval brings back if nothing is owed by then."""
        charge = self.remembered[interval - 1].charge if interval else None
        if charge is None:
            return None
        undoes_by_hand = self._undoes_by_hand(interval)
        span = self._span(self.reinstatements, interval)
        for reinstatement in islice(self.reinstatements, span.start, span.stop):
            if reinstatement.action_id is None or undoes_by_hand:
                return Held(charge, reinstatement)
        return None

    def _undoes_by_hand(self, interval: int) -> bool:
        """Whether a reinstatement by hand counts there: it undoes what a person took back.

        What a vendor had taken back by then stays so, whenever that arrives.
        """
        by_hand = self.reversals[interval - 1].action_id is not None if interval else False
        return by_hand and self.remembered[interval - 1].is_closing

    def _ends(self, outcomes: list[Recorded], interval: int) -> tuple[Recorded, ...]:
        """The first and the last of these outcomes in an interval; empty where it has none."""
        span = self._span(outcomes, interval)
        return (outcomes[span.start], outcomes[span.stop - 1]) if span.start < span.stop else ()

    def _span(self, outcomes: list[Recorded], interval: int) -> slice:
        """Where the outcomes of an interval are among these."""
        start, end = 0, len(outcomes)
        if interval:
            start = bisect_right(outcomes, self.reversals[interval - 1].sort_key, key=_sort_key)
        if interval < len(self.reversals):
            end = bisect_left(outcomes, self.reversals[interval].sort_key, key=_sort_key)
        return slice(start, end)

    def _remember(self, start: int, *, at_least: int = 1) -> None:
        """Set the memory of the reversals from there on, up to the first whose memory stays."""
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
        reversals = self.reversals
        return index > 0 and reversals[index - 1].sort_key == reversals[index].sort_key

    def _list_of(self, outcome: Recorded) -> tuple[list[Recorded], Callable[[Recorded], Any]]:
        if outcome.kind is Kind.REVERSAL:
            return self.reversals, _by_record
        if outcome.kind is Kind.REINSTATEMENT:
            return self.reinstatements, _by_record
        if outcome.amount_rule is AmountRule.LATEST:
            return self.latests, _by_arrival
        return self.firsts, _by_record


def _by_record(outcome: Recorded) -> tuple[SortKey, int, int]:
    """Of one sort key the first recorded comes first, and before it what replaces it."""
    return (outcome.sort_key, outcome.place or outcome.ordinal, -outcome.ordinal)


def _by_arrival(outcome: Recorded) -> tuple[SortKey, Arrival, int]:
    """Of one sort key the last received comes last, and after it what replaces it."""
    return (outcome.sort_key, outcome.arrival, outcome.ordinal)
