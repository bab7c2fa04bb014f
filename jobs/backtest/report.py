"""What edited mappings would bill otherwise: sums by rule, deliveries that change, examples: pure.

Owns what counts as a change of a delivery: its state or reason, or what it posts, to the key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jobs.common.money import money
from jobs.common.states import DeliveryState
from jobs.ledger.fold import Settlement
from mappings.engine.types import Kind, Triple

#: Examples of each kind that are kept.
SHOWN = 20

NEWLY_FAILING = "newly_failing"
NEWLY_BILLING = "newly_billing"
NO_LONGER_BILLING = "no_longer_billing"
BILLING_OTHERWISE = "billing_otherwise"
KINDS = (NEWLY_FAILING, NEWLY_BILLING, NO_LONGER_BILLING, BILLING_OTHERWISE)


class PostedLine(NamedTuple):
    """What a delivery posts to the ledger, and the rule that causes it."""

    rule: str
    kind: str
    key: str
    triple: Triple
    micros: int
    currency: str

    def as_json(self) -> dict[str, Any]:
        """The object that the command prints."""
        return {
            "rule": self.rule,
            "kind": self.kind,
            "outcome_key": self.key,
            **self.triple._asdict(),
            "amount": money(self.micros),
            "currency": self.currency,
        }


@dataclass(slots=True)
class Sums:
    """What a rule posts in one currency."""

    charges: int = 0
    reversals: int = 0
    micros: int = 0

    def add(self, line: PostedLine) -> None:
        """Count a line in."""
        self.micros += line.micros
        if line.kind == Kind.CHARGE.value:
            self.charges += 1
        else:
            self.reversals += 1

    def as_json(self) -> dict[str, Any]:
        """The object that the command prints."""
        return {
            "charges": self.charges,
            "reversals": self.reversals,
            "amount": money(self.micros),
        }


@dataclass(slots=True)
class Examples:
    """How many deliveries there are of a kind, and the first of them."""

    count: int = 0
    shown: list[dict[str, Any]] = field(default_factory=list)

    def add(self, example: dict[str, Any]) -> None:
        """Count one in."""
        self.count += 1
        if len(self.shown) < SHOWN:
            self.shown.append(example)


@dataclass(slots=True)
class BacktestReport:
    """All that differs. `no_body` and `set_aside` deliveries were not compared."""

    window: str
    since: str | None = None
    deliveries: int = 0
    compared: int = 0
    no_body: int = 0
    set_aside: int = 0
    changed: int = 0
    before: dict[tuple[str, str, str], Sums] = field(default_factory=dict)
    after: dict[tuple[str, str, str], Sums] = field(default_factory=dict)
    fates: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, Examples] = field(
        default_factory=lambda: {kind: Examples() for kind in KINDS}
    )

    @property
    def differences_micros(self) -> dict[str, int]:
        """What the edit makes more or less, by currency, of all that either side bills in."""
        differences: Counter[str] = Counter()
        for side, sign in ((self.before, -1), (self.after, 1)):
            for (_source, _rule, currency), sums in side.items():
                differences[currency] += sign * sums.micros
        return dict(sorted(differences.items()))

    def add(self, delivery: str, source: str, before: Settlement, after: Settlement) -> None:
        """Compare one delivery."""
        self.compared += 1
        was, now = lines_of(before), lines_of(after)
        for side, lines in ((self.before, was), (self.after, now)):
            for line in lines:
                side.setdefault((source, line.rule, line.currency), Sums()).add(line)
        if (_label(before), was) == (_label(after), now):
            return
        self.changed += 1
        self.fates[_label(before), _label(after)] += 1
        kind = _kind(before, after)
        if kind is not None:
            example = {"delivery": delivery, "source": source, **_example(kind, after, was, now)}
            self.examples[kind].add(example)

    def as_json(self) -> dict[str, Any]:
        """The object that `check --against` prints."""
        return {
            "window": self.window,
            "since": self.since,
            "deliveries": self.deliveries,
            "compared": self.compared,
            "no_body": self.no_body,
            "set_aside": self.set_aside,
            "changed": self.changed,
            "amounts": [
                {"currency": currency, "difference": money(micros)}
                for currency, micros in self.differences_micros.items()
            ],
            "rules": self.rules(),
            "fates": [
                {"before": before, "after": after, "count": count}
                for (before, after), count in sorted(self.fates.items())
            ],
            **{
                kind: {"count": examples.count, "examples": examples.shown}
                for kind, examples in self.examples.items()
            },
        }

    def rules(self) -> list[dict[str, Any]]:
        """The rules that come out otherwise, by source, rule and currency."""
        nothing = Sums()
        rules = []
        for name in sorted(self.before.keys() | self.after.keys()):
            was, now = self.before.get(name, nothing), self.after.get(name, nothing)
            if was == now:
                continue
            source, rule, currency = name
            rules.append(
                {
                    "source": source,
                    "rule": rule,
                    "currency": currency,
                    "difference": money(now.micros - was.micros),
                    "before": was.as_json(),
                    "after": now.as_json(),
                }
            )
        return rules


def lines_of(settlement: Settlement) -> tuple[PostedLine, ...]:
    """What this settlement posts, in order."""
    return tuple(
        PostedLine(
            step.outcome.rule,
            entry.kind.value,
            entry.key,
            entry.terms.triple,
            entry.amount_micros,
            entry.currency,
        )
        for step in settlement.steps
        for entry in step.entries
    )


def _label(settlement: Settlement) -> str:
    """The state as people say it: `recorded`, `ignored: shadow`, `failed: unpriced`."""
    return (
        settlement.state
        if settlement.reason is None
        else f"{settlement.state}: {settlement.reason}"
    )


def _kind(before: Settlement, after: Settlement) -> str | None:
    if after.state == DeliveryState.FAILED:
        return NEWLY_FAILING if before.state != DeliveryState.FAILED else None
    if after.state == DeliveryState.RECORDED:
        return BILLING_OTHERWISE if before.state == DeliveryState.RECORDED else NEWLY_BILLING
    return NO_LONGER_BILLING if before.state == DeliveryState.RECORDED else None


def _example(
    kind: str, after: Settlement, was: Sequence[PostedLine], now: Sequence[PostedLine]
) -> dict[str, Any]:
    if kind == NEWLY_FAILING:
        return {"rule": after.rule, "reason": after.reason, "detail": after.detail}
    if kind == NEWLY_BILLING:
        return {"after": [line.as_json() for line in now]}
    example = {"before": [line.as_json() for line in was]}
    if kind == NO_LONGER_BILLING:
        return {**example, "reason": after.reason, "detail": after.detail}
    return {**example, "after": [line.as_json() for line in now]}
