"""The book of a key: all that is recorded of it, and its ledger: pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter

from jobs.ledger.records import TURNS, Entry, Recorded
from jobs.ledger.timeline import Held, Timeline
from mappings.engine.types import Kind


@dataclass(slots=True)
class KeyBook:
    """The outcomes of one key in the order recorded, and its ledger."""

    key: str
    outcomes: list[Recorded] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    #: The ordinal of the outcome recorded last; copies of one time may have been left out.
    last_ordinal: int = 0
    timeline: Timeline = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.timeline = Timeline()
        for outcome in self.outcomes:
            self.timeline.add(outcome)

    @property
    def open_charge(self) -> Entry | None:
        """The charge that no reversal took back: the last line, if it is a charge."""
        last = self.entries[-1] if self.entries else None
        return last if last is not None and last.kind is Kind.CHARGE else None

    def record(self, outcome: Recorded) -> None:
        """Add the next outcome."""
        self.outcomes.append(outcome)
        self.last_ordinal = outcome.ordinal
        self.timeline.add(outcome)

    def undo(self, *, posted: int = 0) -> None:
        """Remove the outcome recorded last, and the lines that it posted, `posted` of them."""
        outcome = self.outcomes.pop()
        self.last_ordinal -= 1
        self.timeline.remove(outcome)
        del self.entries[len(self.entries) - posted :]

    def held(self) -> Held | None:
        """What the key owes, and what makes it owed."""
        return self.timeline.held(len(self.timeline.reversals))

    def owed(self) -> Recorded | None:
        """The charge that the key owes."""
        held = self.held()
        return None if held is None else held.charge

    @property
    def last_opening(self) -> Recorded | None:
        """The charge or reinstatement that stands last on the timeline, effective or not."""
        lists = (self.timeline.firsts, self.timeline.latests, self.timeline.reinstatements)
        last = (outcomes[-1] for outcomes in lists if outcomes)
        return max(last, key=attrgetter("sort_key"), default=None)


def time_after(other: Recorded | None, kind: Kind, now: datetime) -> datetime | None:
    """The `occurred_at` by which an outcome by hand stands after another one.

    That is now, or later where the other is ahead of the clock; None after an untimed reversal or
    reinstatement, since no time is later than those.
    """
    if other is None or other.sort_key.rank < 0:
        return now
    if other.sort_key.rank > 0:
        return None
    is_after = other.sort_key.turn < TURNS[kind]
    return max(now, other.sort_key.at + (timedelta() if is_after else timedelta.resolution))
