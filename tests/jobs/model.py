"""What a key owes, a second time: written from the design's words, knowing nothing of `jobs`.

It walks a key's line from its beginning and remembers one thing, the charge that stands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """An outcome of one key. `at` is its mapped time in seconds, None where none is mapped."""

    kind: str
    at: int | None = None
    micros: int | None = None
    billed_as: str = "acme"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a ledger, as far as money goes."""

    id: str
    sequence: int
    kind: str
    reverses: str | None
    micros: int
    currency: str
    billed_as: str


def charge(at: int | None, micros: int, billed_as: str = "acme") -> Said:
    return Said("charge", at, micros, billed_as)


def reversal(at: int | None) -> Said:
    return Said("reversal", at)


def owes(recorded: Sequence[Said]) -> Said | None:
    """The charge whose price is owed, given all outcomes in the order they were recorded."""
    standing: Said | None = None
    for said in _along_the_line(recorded):
        if said.kind == "reversal":
            standing = None
        elif standing is None:
            standing = said
    return standing


def conflicts(recorded: Sequence[Said], new: Said) -> bool:
    """Whether `new` is for somebody else than the charge owed between the same two reversals."""
    if new.kind == "reversal":
        return False
    company = _company(recorded, new)
    return bool(company) and company[0].billed_as != new.billed_as


def rebilled(recorded: Sequence[Said], micros: int, billed_as: str) -> list[Said]:
    """The same history, had the charge that is owed been this from the beginning."""
    due = owes(recorded)
    return [
        Said("charge", said.at, micros, billed_as) if said is due else said for said in recorded
    ]


def reversed_by_hand(recorded: Sequence[Said], now: int) -> list[Said]:
    """The history with a reversal of now, or of the last charge's time if that is still to come."""
    ahead = [said.at for said in recorded if said.kind == "charge" and said.at is not None]
    return [*recorded, Said("reversal", max([now, *ahead]))]


def _company(recorded: Sequence[Said], new: Said) -> list[Said]:
    """The other charges between the same two reversals, the one that is owed there first."""
    together: list[Said] = []
    for said in _along_the_line([*recorded, new]):
        if said.kind == "charge":
            together.append(said)
        elif any(one is new for one in together):
            break
        else:
            together = []
    return [one for one in together if one is not new]


def is_decided_by_times(outcomes: Sequence[Said]) -> bool:
    """Whether no two charges share a time at different prices: then order decides nothing."""
    prices: dict[int | None, int | None] = {}
    return all(
        prices.setdefault(said.at, said.micros) == said.micros
        for said in outcomes
        if said.kind == "charge"
    )


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
    """By time; a reversal after the charges of its time; else in the order recorded."""
    return sorted(outcomes, key=_place)


def _place(said: Said) -> tuple[float, bool]:
    is_reversal = said.kind == "reversal"
    if said.at is None:
        return (math.inf if is_reversal else -math.inf, is_reversal)
    return (said.at, is_reversal)
