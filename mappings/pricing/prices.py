"""One price of an indicator, and which of several dated ones is in effect.

Owns: exact amounts in integer millionths, rounded half-even. Refuses: floats, negative values,
and amounts that a signed 64-bit column cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from mappings.amounts import DECIMALS_MAX

MICROS = 1_000_000
MICROS_MAX = 2**63 - 1
#: A value with more digits is no amount of money, and exact arithmetic with it has no bound.
VALUE_DIGITS_MAX = 18


class AmountError(Exception):
    """The amount cannot be had from this value; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One price: fixed (`price_micros`), or a `percent` of the outcome's value within bounds.

    `since` is the moment from which it applies, aware; None means always.
    """

    currency: str
    price_micros: int | None = None
    percent: Decimal | None = None
    min_micros: int | None = None
    max_micros: int | None = None
    since: datetime | None = None

    def amount_micros(self, value: Decimal | None) -> int:
        """What it charges for an outcome of `value` (major units); raises AmountError."""
        if self.price_micros is not None:
            return self.price_micros
        if value is None:
            raise AmountError(
                "It is a percentage, and the rule maps no value. Add `value:` to the rule, "
                "decimal text in major units, or give the indicator a `price:`."
            )
        amount = round(_exact(value) * Fraction(self.percent or 0) * (MICROS // 100))
        amount = max(amount, self.min_micros or 0)
        if self.max_micros is not None:
            amount = min(amount, self.max_micros)
        if amount > MICROS_MAX:
            raise AmountError(f"Of {value} it comes to more than can be recorded.")
        return amount


def in_effect(entries: Iterable[Entry], at: datetime) -> Entry | None:
    """The entry with the latest beginning at or before `at`; one without any is the earliest."""
    begun = [entry for entry in entries if entry.since is None or entry.since <= at]
    return max(begun, key=_beginning, default=None)


def _beginning(entry: Entry) -> float:
    return entry.since.timestamp() if entry.since is not None else float("-inf")


def micros(amount: Decimal) -> int:
    """`amount` of major units, with at most 6 decimals, in integer millionths."""
    return int(amount.scaleb(6).to_integral_exact())


def _exact(value: Decimal) -> Fraction:
    if not value.is_finite() or value < 0:
        raise AmountError(f"The value {value} is no amount of money.")
    exponent = value.as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) else 0
    if decimals > DECIMALS_MAX or (value and value.adjusted() >= VALUE_DIGITS_MAX):
        raise AmountError("The value has too many digits for an amount of money.")
    return Fraction(value)
