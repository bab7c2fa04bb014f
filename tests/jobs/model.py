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
class Said:
    """An outcome of one key. `at` is its mapped time in seconds, None where none is mapped.

    `rule` says of a charge which amount its key owes. `received` is its place in the order
    received, where that is not the order in which outcomes are listed. `by_hand`: a person said
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


def charge(at: int | None, micros: int, billed_as: str = "acme", rule: str = "first") -> Said:
    return Said("charge", at, micros, billed_as, rule)


def latest(at: int | None, micros: int, billed_as: str = "acme") -> Said:
    """A charge of a rule with `amount: latest`."""
    return charge(at, micros, billed_as, "latest")


def reversal(at: int | None) -> Said:
    return Said("reversal", at)


def reinstatement(at: int | None) -> Said:
    return Said("reinstatement", at)


def owes(recorded: Sequence[Said]) -> Said | None:
    """The charge that is owed, given all outcomes in the order they were recorded."""
    standing: Said | None = None
    remembered: Said | None = None
    last: Said | None = None
    closed_by_hand = False
    for said in _along_the_line(recorded):
        if said.kind == "charge" and (standing is None or said.rule == "latest"):
            standing = said
        elif said.kind == "reversal":
            closed_by_hand = said.by_hand and standing is not None
            if standing is not None or last is None or _place(last) != _place(said):
                standing, remembered = None, standing
            last = said
        elif said.kind == "reinstatement" and standing is None:
            standing = remembered if closed_by_hand or not said.by_hand else None
    return standing


def conflicts(recorded: Sequence[Said], new: Said) -> bool:
    """Whether `new` is for another customer than what bills between the same two reversals."""
    if new.kind != "charge":
        return False
    company = _company(recorded, new)
    return company is not None and company.billed_as != new.billed_as


def rebilled(recorded: Sequence[Said], micros: int, billed_as: str) -> list[Said]:
    """The same history, had the charge that is owed been this from the beginning."""
    due = owes(recorded)
    return [
        replace(said, micros=micros, billed_as=billed_as) if said is due else said
        for said in recorded
    ]


#: A moment later.
SOON = 0.000_001


def reversed_by_hand(recorded: Sequence[Said], now: float) -> list[Said]:
    """The history with a reversal of now, or behind whatever opens the key and is still to come."""
    at: float | None = now
    for said in recorded:
        if said.kind == "reinstatement" and said.at is None:
            at = None
        elif said.kind != "reversal" and said.at is not None and at is not None:
            at = max(at, said.at + (SOON if said.kind == "reinstatement" else 0))
    return [*recorded, Said("reversal", at, by_hand=True)]


def reinstated_by_hand(recorded: Sequence[Said], now: float) -> list[Said] | None:
    """The history in which the last reversal is taken back; None where no person made it.

    It must have taken something back, too: before it a vendor may have done so, and be heard of
    later.
    """
    line = _along_the_line(recorded)
    last = max((n for n, said in enumerate(line) if said.kind == "reversal"), default=None)
    if last is None or owes(line) is not None:
        return None
    if not line[last].by_hand or owes(line[:last]) is None:
        return None
    closed_at = line[last].at
    at = None if closed_at is None else max(now, closed_at)
    return [*recorded, Said("reinstatement", at, by_hand=True)]


def _company(recorded: Sequence[Said], new: Said) -> Said | None:
    """What bills in the interval of `new` by the other charges there.

    That is the last one by `latest`, or the first; where there is none, what a reinstatement before
    `new` brought back.
    """
    line = _along_the_line([*recorded, new])
    here = next(place for place, said in enumerate(line) if said is new)
    closed = [place for place, said in enumerate(line) if said.kind == "reversal"]
    start = max((place + 1 for place in closed if place < here), default=0)
    end = min((place for place in closed if place > here), default=len(line))
    others = [said for said in line[start:end] if said.kind == "charge" and said is not new]
    latests = [said for said in others if said.rule == "latest"]
    if others:
        return latests[-1] if latests else others[0]
    return owes(line[:here])


def is_decided_by_times(outcomes: Sequence[Said]) -> bool:
    """Whether no two charges share a time at different prices: then order decides nothing."""
    prices: dict[float | None, int | None] = {}
    return all(
        prices.setdefault(said.at, said.micros) == said.micros
        for said in outcomes
        if said.kind == "charge"
    )


def is_billed_as_owed(standing: Line | None, due: Said | None, *, day: object) -> bool:
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


def _along_the_line(outcomes: Sequence[Said]) -> list[Said]:
    """By time and turn; of charges at one time those by `latest` last, in the order received."""
    return sorted(outcomes, key=_place)


def _place(said: Said) -> tuple[float, int, bool, int]:
    if said.by_hand and said.at is None:
        return (math.inf, len(TURNS), False, 0)  # behind all that is untimed, as it was made
    by_latest = said.rule == "latest"
    order = (TURNS.index(said.kind), by_latest, said.received if by_latest else 0)
    if said.at is None:
        return (-math.inf if said.kind == "charge" else math.inf, *order)
    return (said.at, *order)
