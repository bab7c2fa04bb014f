"""What a correction by hand did, or would do: counts, sums, refusals and changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from jobs.common.money import amounts_json, money
from jobs.corrections.manual import Correction, CorrectionKind, Decided
from jobs.ledger.records import Entry
from mappings.engine.types import Kind

#: Refusals and changes that are shown.
SHOWN = 1_000


@dataclass(slots=True)
class CorrectionResult:
    """What was done: `id` names the first entry in `actions`, if there is one.

    `amounts_micros` is what the ledger gained or lost, by currency. `mapping_version` is that of
    the mappings that were used, None where none were.
    """

    kind: CorrectionKind
    id: str | None = None
    mapping_version: str | None = None
    corrected: int = 0
    unchanged: int = 0
    refused: int = 0
    amounts_micros: Counter[str] = field(default_factory=Counter)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def done(self) -> int:
        """The number of charges processed."""
        return self.corrected + self.unchanged + self.refused

    @property
    def amounts(self) -> list[dict[str, str]]:
        """The sums as API and CLI show them."""
        return amounts_json(self.amounts_micros)

    def add(self, decided: Decided) -> None:
        """Add a step."""
        self.corrected += len(decided.corrections)
        self.unchanged += decided.unchanged
        self.refused += len(decided.refused)
        for correction in decided.corrections:
            for entry in correction.step.entries:
                self.amounts_micros[entry.currency] += entry.amount_micros
        room = SHOWN - len(self.changes)
        self.changes += [_change(correction) for correction in decided.corrections[:room]]
        room = SHOWN - len(self.refusals)
        self.refusals += [
            {
                "billing_event": charge.id,
                "delivery": charge.delivery_id,
                "rule": charge.rule,
                "reason": reason,
            }
            for charge, reason in decided.refused[:room]
        ]

    def as_json(self) -> dict[str, Any]:
        """The object that API and CLI show."""
        return {
            "id": self.id,
            "matched": self.done,
            "reversed": self.corrected if self.kind == "reverse" else 0,
            "rebilled": self.corrected if self.kind == "rebill" else 0,
            "reinstated": self.corrected if self.kind == "reinstate" else 0,
            "unchanged": self.unchanged,
            "refused": self.refused,
            "amounts": self.amounts,
            "refusals": self.refusals,
            "changes": self.changes,
            "mapping_version": self.mapping_version,
        }


def _change(correction: Correction) -> dict[str, Any]:
    charge, opened = correction.charge, correction.step.entries[-1]
    return {
        "billing_event": charge.id,
        "delivery": charge.delivery_id,
        "rule": charge.rule,
        "outcome_key": charge.outcome_key,
        "billed": None if correction.was is None else _side(correction.was),
        "now": _side(opened) if opened.kind is Kind.CHARGE else None,
    }


def _side(entry: Entry) -> dict[str, Any]:
    return {
        **entry.terms.triple._asdict(),
        "amount": money(entry.amount_micros),
        "currency": entry.currency,
    }
