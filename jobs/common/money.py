"""Money as text: integer millionths to a decimal string, never through a float."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from mappings.engine.common.amounts import money

__all__ = ["amounts_json", "money", "sums"]


def sums(amounts: Iterable[tuple[str, Decimal]]) -> str:
    """`-400.00 EUR, 12.00 USD`: the sum of each currency, by its name, never across."""
    totals: dict[str, Decimal] = {}
    for currency, amount in amounts:
        totals[currency] = totals.get(currency, Decimal(0)) + amount
    return ", ".join(f"{amount} {currency}" for currency, amount in sorted(totals.items()))


def amounts_json(amounts_micros: Mapping[str, int]) -> list[dict[str, str]]:
    """The sum of each currency, as API and CLI show it."""
    return [
        {"currency": currency, "amount": money(micros)}
        for currency, micros in sorted(amounts_micros.items())
    ]
