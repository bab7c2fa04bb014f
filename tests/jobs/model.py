"""What a key owes, a second time: written from the design's words, knowing nothing of `jobs`.

It walks a key's line from its beginning and remembers two things: the charge that is open, and the
charge that the last reversal closed, if it closed one. Copies of a reversal count as one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

#: At equal times charges come first, then reversals, then reinstatements.
TURNS = ("charge", "reversal", "reinstatement")


@dataclass(frozen=True, slots=True)
class ModelOutcome:
    """An outcome of one key. `at` is its mapped time in seconds, None where none is mapped.

    `rule`: which amount the key of a charge owes. `received` is its place in the order
    received, where that is not the order in which outcomes are listed. `by_hand`: a person outcome
    it, not a delivery.
    """

    kind: str
    at: float | None = None
    micros: int | None = None
    billed_as: str = "acme"
    rule: str = "first"
    received: int = 0
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a ledger, as far as money goes; `at` in whatever form its reader has times."""

    id: str
    sequence: int
    kind: str
    reverses: str | None
    micros: int
    currency: str
    billed_as: str
    at: object = None


def charge(
    at: int | None, micros: int, billed_as: str = "acme", rule: str = "first"
) -> ModelOutcome:
    return ModelOutcome("charge", at, micros, billed_as, rule)


def latest(at: int | None, micros: int, billed_as: str = "acme") -> ModelOutcome:
    """A charge of a rule with `amount: latest`."""
    return charge(at, micros, billed_as, "latest")


def reversal(at: int | None) -> ModelOutcome:
    return ModelOutcome("reversal", at)


def reinstatement(at: int | None) -> ModelOutcome:
    return ModelOutcome("reinstatement", at)


def owes(recorded: Sequence[ModelOutcome]) -> ModelOutcome | None:
    """The charge that is owed, given all outcomes in the order they were recorded."""
    standing: ModelOutcome | None = None
    remembered: ModelOutcome | None = None
    last: ModelOutcome | None = None
    closed_by_hand = False
    for outcome in _along_the_line(recorded):
        if outcome.kind == "charge" and (standing is None or outcome.rule == "latest"):
            standing = outcome
        elif outcome.kind == "reversal":
            closed_by_hand = outcome.by_hand and standing is not None
            if standing is not None or last is None or _place(last) != _place(outcome):
                standing, remembered = None, standing
            last = outcome
        elif outcome.kind == "reinstatement" and standing is None:
            standing = remembered if closed_by_hand or not outcome.by_hand else None
    return standing


def conflicts(recorded: Sequence[ModelOutcome], new: ModelOutcome) -> bool:
    """Whether `new` is for another customer than what bills between the same two reversals."""
    if new.kind != "charge":
        return False
    other = _charge_in_same_interval(recorded, new)
    return other is not None and other.billed_as != new.billed_as


def rebilled(recorded: Sequence[ModelOutcome], micros: int, billed_as: str) -> list[ModelOutcome]:
    """The same history, had the charge that is owed been this from the beginning."""
    due = owes(recorded)
    return [
        replace(outcome, micros=micros, billed_as=billed_as) if outcome is due else outcome
        for outcome in recorded
    ]


#: A moment later.
SOON = 0.000_001


def reversed_by_hand(recorded: Sequence[ModelOutcome], now: float) -> list[ModelOutcome]:
    """The history with a reversal of now, or behind whatever opens the key and is still to come."""
    at: float | None = now
    for outcome in recorded:
        if outcome.kind == "reinstatement" and outcome.at is None:
            at = None
        elif outcome.kind != "reversal" and outcome.at is not None and at is not None:
            at = max(at, outcome.at + (SOON if outcome.kind == "reinstatement" else 0))
    return [*recorded, ModelOutcome("reversal", at, by_hand=True)]


def reinstated_by_hand(recorded: Sequence[ModelOutcome], now: float) -> list[ModelOutcome] | None:
    """The history in which the last reversal is taken back; None where no person made it.

    It must have taken something back, too: before it a vendor may have done so, and be heard of
    later.
    """
    line = _along_the_line(recorded)
    last = max((n for n, outcome in enumerate(line) if outcome.kind == "reversal"), default=None)
    if last is None or owes(line) is not None:
        return None
    if not line[last].by_hand or owes(line[:last]) is None:
        return None
    closed_at = line[last].at
    at = None if closed_at is None else max(now, closed_at)
    return [*recorded, ModelOutcome("reinstatement", at, by_hand=True)]


def _charge_in_same_interval(
    recorded: Sequence[ModelOutcome], new: ModelOutcome
) -> ModelOutcome | None:
    """What bills in the interval of `new` by the other charges there.

    That is the last one by `latest`, or the first; where there is none, what a reinstatement before
    `new` brought back.
    """
    line = _along_the_line([*recorded, new])
    here = next(place for place, outcome in enumerate(line) if outcome is new)
    closed = [place for place, outcome in enumerate(line) if outcome.kind == "reversal"]
    start = max((place + 1 for place in closed if place < here), default=0)
    end = min((place for place in closed if place > here), default=len(line))
    others = [
        outcome for outcome in line[start:end] if outcome.kind == "charge" and outcome is not new
    ]
    latests = [outcome for outcome in others if outcome.rule == "latest"]
    if others:
        return latests[-1] if latests else others[0]
    return owes(line[:here])


def is_decided_by_times(outcomes: Sequence[ModelOutcome]) -> bool:
    """Whether no two charges share a time at different prices: then order decides nothing."""
    prices: dict[float | None, int | None] = {}
    return all(
        prices.setdefault(outcome.at, outcome.micros) == outcome.micros
        for outcome in outcomes
        if outcome.kind == "charge"
    )


def is_billed_as_owed(standing: Line | None, due: ModelOutcome | None, *, day: object) -> bool:
    """Whether the open line is what is owed in full; `day` is what its reader has for `due.at`.

    An untimed charge has the day of its receipt, and by `latest` that of any of its copies.
    """
    if standing is None or due is None:
        return standing is None and due is None
    has_day = standing.at == day or (due.at is None and due.rule == "latest")
    whole = (standing.micros, standing.currency, standing.billed_as)
    return has_day and whole == (due.micros, "USD", due.billed_as)


def open_line(ledger: Sequence[Line]) -> Line | None:
    """The one open charge; AssertionError where the ledger could not be a key's."""
    opened: Line | None = None
    for number, line in enumerate(ledger, 1):
        assert line.sequence == number, f"line {number} is numbered {line.sequence}"
        if line.kind == "charge":
            assert opened is None, f"two open charges: {opened} and {line}"
            assert line.micros >= 0
            assert line.reverses is None
            opened = line
            continue
        assert opened is not None, f"nothing was open for {line} to take back"
        assert line.reverses == opened.id, f"{line} does not name {opened}"
        assert line.micros == -opened.micros, f"{line} does not negate {opened}"
        assert (line.currency, line.billed_as) == (opened.currency, opened.billed_as)
        opened = None
    net = sum(line.micros for line in ledger)
    assert net == (opened.micros if opened else 0), f"the key nets to {net}"
    return opened


def _along_the_line(outcomes: Sequence[ModelOutcome]) -> list[ModelOutcome]:
    """By time and turn; of charges at one time those by `latest` last, in the order received."""
    return sorted(outcomes, key=_place)


def _place(outcome: ModelOutcome) -> tuple[float, int, bool, int]:
    if outcome.by_hand and outcome.at is None:
        return (math.inf, len(TURNS), False, 0)  # behind all that is untimed, as it was made
    by_latest = outcome.rule == "latest"
    order = (TURNS.index(outcome.kind), by_latest, outcome.received if by_latest else 0)
    if outcome.at is None:
        return (-math.inf if outcome.kind == "charge" else math.inf, *order)
    return (outcome.at, *order)
