"""Comparing what a recorded delivery billed with what the mapping gives now: pure.

Owns what counts as a difference: key, kind, triple and, where a charge was posted, the amount.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from jobs.common.money import money
from jobs.privacy.pseudonyms import Pseudonymized
from mappings.engine.types import Outcome

T = TypeVar("T")

#: Differences that a dry run or a replay shows.
SHOWN_DIFFERENCES = 1_000

#: A row of `outcomes`.
Row = Mapping[str, Any]
#: Event, rule, and which of the rule's outcomes in that event.
Place = tuple[int, str, int]
#: A side of a difference: the outcome in words, why there is none, or None.
Side = dict[str, Any] | None


#: One outcome of a recorded delivery that would differ now, as it is stored and shown.
Difference = dict[str, Any]


def in_force(rows: Sequence[Row], replaces: Mapping[str, str] | None = None) -> list[Row]:
    """The outcomes that count, of all that are recorded of a delivery, in the order given.

    An outcome rebilled by hand is left out; its replacement takes its place, also where it
    comes first: ids are made by the clocks of several machines. A charge of another delivery or
    event that was billed from this event takes the place of this event's own outcome.
    `replaces` has all replacements of these keys, by id, where some were recorded of other
    deliveries.
    """
    places = {row["id"]: place for place, row in enumerate(rows)}
    events = {row["id"]: row["event_index"] for row in rows}
    known = replaces or {row["id"]: row["replaces"] for row in rows if row["replaces"]}
    own = {_event(row): row["id"] for row in rows if row["replaces"] is None}
    before: dict[str, str] = {}
    for row in rows:
        if row["replaces"] is not None:
            older_here = (
                older_id
                for older_id in _older(row["id"], known)
                if events.get(older_id) == row["event_index"]
            )
            older = next(older_here, None) or own.get(_event(row))
            if older is not None:
                before[row["id"]] = older
    replaced = set(before.values())

    def place(row: Row) -> int:
        outcome_id = row["id"]
        while outcome_id in before:
            outcome_id = before[outcome_id]
        return places[outcome_id]

    return sorted((row for row in rows if row["id"] not in replaced), key=place)


def _older(outcome_id: str, replaces: Mapping[str, str]) -> Iterator[str]:
    """What this outcome replaces, what that replaced, and so on."""
    older = replaces.get(outcome_id)
    while older is not None:
        yield older
        older = replaces.get(older)


def _event(row: Row) -> tuple[int, str, str]:
    """What a row is an outcome of: its event, its kind and its key."""
    return (row["event_index"], row["kind"], row["outcome_key"])


def compare(delivery_id: str, recorded: Sequence[Row], mapped: Pseudonymized) -> list[Difference]:
    """The differences of one delivery; `recorded` are its rows of `outcomes` that are in force.

    Outcomes are paired by event and rule, in order; those of rules that are not on both sides, by
    event and key, so that a rule renamed with `was` differs in nothing. A mapping that fails now
    differs in all.
    """
    if mapped.failures:
        first = mapped.failures[0]
        failure = {"fails": first.reason.value, "detail": first.detail}
        return [_difference(delivery_id, row["rule"], _was(row), failure) for row in recorded]
    differing = [pair for pair in _pairs(recorded, mapped.outcomes) if not pair.agrees()]
    return [
        _difference(
            delivery_id,
            pair.rule,
            _was(pair.row) if pair.row is not None else None,
            _is(pair.outcome) if pair.outcome is not None else None,
        )
        for pair in sorted(differing, key=lambda pair: (pair.event, pair.rule))
    ]


def _difference(delivery_id: str, rule: str, billed: Side, would_bill: Side) -> Difference:
    return {"delivery": delivery_id, "rule": rule, "billed": billed, "would_bill": would_bill}


@dataclass(frozen=True, slots=True)
class _Pair:
    """What was recorded, and what the mapping gives now; None where one side has nothing."""

    event: int
    rule: str
    row: Row | None
    outcome: Outcome | None

    def agrees(self) -> bool:
        if self.row is None or self.outcome is None:
            return False
        with_amount = self.row["verdict"] == "charged"
        was = _was(self.row, with_amount=with_amount)
        return was == _is(self.outcome, with_amount=with_amount)


def _pairs(recorded: Sequence[Row], mapped: Sequence[Outcome]) -> Iterator[_Pair]:
    old = _numbered([(row["event_index"], row["rule"]) for row in recorded], recorded)
    new = _numbered([(o.event_index, o.rule) for o in mapped], mapped)
    for event, rule, nth in sorted(old.keys() & new.keys()):
        yield _Pair(event, rule, old[event, rule, nth], new[event, rule, nth])
    heirs = [outcome for place, outcome in new.items() if place not in old]
    for row in [row for place, row in old.items() if place not in new]:
        here = (row["event_index"], row["outcome_key"])
        heir = next((o for o in heirs if (o.event_index, o.key) == here), None)
        if heir is not None:
            heirs.remove(heir)
        yield _Pair(here[0], heir.rule if heir is not None else row["rule"], row, heir)
    for outcome in heirs:
        yield _Pair(outcome.event_index, outcome.rule, None, outcome)


def _numbered(places: Sequence[tuple[int, str]], items: Sequence[T]) -> dict[Place, T]:
    seen: Counter[tuple[int, str]] = Counter()
    numbered: dict[Place, T] = {}
    for (event, rule), item in zip(places, items, strict=True):
        numbered[event, rule, seen[event, rule]] = item
        seen[event, rule] += 1
    return numbered


def _was(row: Row, *, with_amount: bool = True) -> Side:
    return _side(
        row["outcome_key"],
        row["kind"],
        (row["agent_id"], row["customer_id"], row["indicator"]),
        (row["amount_micros"], row["currency"]) if with_amount else (None, None),
    )


def _is(outcome: Outcome, *, with_amount: bool = True) -> Side:
    return _side(
        outcome.key,
        outcome.kind.value,
        outcome.triple,
        (outcome.amount_micros, outcome.currency) if with_amount else (None, None),
    )


def _side(
    key: str,
    kind: str,
    triple: tuple[str | None, str | None, str | None],
    price: tuple[int | None, str | None],
) -> Side:
    amount_micros, currency = price
    return {
        "outcome_key": key,
        "kind": kind,
        "agent_id": triple[0],
        "customer_id": triple[1],
        "indicator": triple[2],
        "amount": None if amount_micros is None else money(amount_micros),
        "currency": currency,
    }
