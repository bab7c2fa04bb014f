"""Comparing what a recorded delivery billed with what the mapping gives now: pure.

Owns what counts as a difference: key, kind, triple and, where a charge was posted, the amount.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.money import money
from mappings.types import Mapped, Outcome

#: A side of a difference: the outcome in words, why there is none, or None.
Side = dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One outcome of a recorded delivery that would come out otherwise now."""

    delivery: str
    rule: str
    billed: Side
    would_bill: Side

    def as_json(self) -> dict[str, Any]:
        """The object that API and CLI show."""
        return {
            "delivery": self.delivery,
            "rule": self.rule,
            "billed": self.billed,
            "would_bill": self.would_bill,
        }


def compare(
    delivery_id: str, recorded: Sequence[Mapping[str, Any]], mapped: Mapped
) -> list[Difference]:
    """The differences of one delivery; `recorded` are its rows of `outcomes`.

    Outcomes are paired by event and rule, in order. A mapping that fails now differs in all.
    """
    if mapped.failures:
        first = mapped.failures[0]
        failure = {"fails": first.reason.value, "detail": first.detail}
        return [Difference(delivery_id, row["rule"], _was(row), failure) for row in recorded]
    old = _paired([(row["event_index"], row["rule"]) for row in recorded], recorded)
    new = _paired([(o.event_index, o.rule) for o in mapped.outcomes], mapped.outcomes)
    found: list[Difference] = []
    for place in sorted(old.keys() | new.keys()):
        row, outcome = old.get(place), new.get(place)
        with_amount = row is not None and row["verdict"] == "charged"
        billed = _was(row, with_amount=with_amount) if row is not None else None
        would = _is(outcome, with_amount=with_amount) if outcome is not None else None
        if billed != would:
            rule = place[1]
            found.append(
                Difference(
                    delivery_id,
                    rule,
                    _was(row) if row is not None else None,
                    _is(outcome) if outcome is not None else None,
                )
            )
    return found


def _paired(places: Sequence[tuple[int, str]], items: Sequence[Any]) -> dict[Any, Any]:
    seen: dict[tuple[int, str], int] = {}
    paired: dict[tuple[int, str, int], Any] = {}
    for (event, rule), item in zip(places, items, strict=True):
        nth = seen.get((event, rule), 0)
        seen[event, rule] = nth + 1
        paired[event, rule, nth] = item
    return paired


def _was(row: Mapping[str, Any], *, with_amount: bool = True) -> Side:
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
