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

from mappings.engine.common.amounts import DECIMALS_MAX, money
from mappings.engine.common.currencies import payable_micros
from mappings.engine.common.errors import MappingsError

MICROS = 1_000_000
MICROS_MAX = 2**63 - 1
#: A value with more digits is not an amount of money, and exact arithmetic with it has no bound.
VALUE_DIGITS_MAX = 18


class AmountError(MappingsError):
    """The amount cannot be calculated from this value; the message has cause and remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceEntry:
    """One price: fixed (`price_micros`), or a `percent` of the outcome's value within bounds.

    `since` is the moment from which it applies, aware; None means always. `to_minor` rounds what
    it comes to half-even to the currency's minor unit.
    """

    currency: str
    price_micros: int | None = None
    percent: Decimal | None = None
    min_micros: int | None = None
    max_micros: int | None = None
    since: datetime | None = None
    to_minor: bool = False

    @property
    def described(self) -> str:
        """The price as it stands in the file, in words."""
        if self.price_micros is not None:
            parts = [f"{money(self.price_micros)} {self.currency}"]
        else:
            parts = [f"{self.percent} % of the value in {self.currency}"]
        parts += [f"at least {money(self.min_micros)}"] if self.min_micros is not None else []
        parts += [f"at most {money(self.max_micros)}"] if self.max_micros is not None else []
        parts += ["rounded to what can be paid"] if self.to_minor else []
        parts += [f"from {self.since.date()}"] if self.since is not None else []
        return ", ".join(parts)

    def amount_micros(self, value: Decimal | None) -> int:
        """What it charges for an outcome of `value` (major units); raises AmountError."""
        amount = self._exactly(value)
        if self.to_minor:
            amount = payable_micros(amount, self.currency)
        if amount > MICROS_MAX:
            raise AmountError(f"For a value of {value} it exceeds what can be recorded.")
        return amount

    def _exactly(self, value: Decimal | None) -> int:
        if self.price_micros is not None:
            return self.price_micros
        if value is None:
            raise AmountError(
                "It is a percentage, and the rule maps no value. Add `value:` to the rule, "
                "decimal text in major units, or give the indicator a `price:`."
            )
        amount = round(_exact(value) * Fraction(self.percent or 0) * (MICROS // 100))
        amount = max(amount, self.min_micros or 0)
        return amount if self.max_micros is None else min(amount, self.max_micros)


def in_effect(entries: Iterable[PriceEntry], at: datetime) -> dict[str, PriceEntry]:
    """By currency, the entry with the latest beginning at or before `at`.

    One without a beginning is the earliest.
    """
    begun = [entry for entry in entries if entry.since is None or entry.since <= at]
    return {entry.currency: entry for entry in sorted(begun, key=_beginning)}


def _beginning(entry: PriceEntry) -> float:
    return entry.since.timestamp() if entry.since is not None else float("-inf")


def micros(amount: Decimal) -> int:
    """`amount` of major units, with at most 6 decimals, in integer millionths."""
    return int(amount.scaleb(6).to_integral_exact())


def _exact(value: Decimal) -> Fraction:
    if not value.is_finite() or value < 0:
        raise AmountError(f"The value {value} is not an amount of money.")
    exponent = value.as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) else 0
    if decimals > DECIMALS_MAX or (value and value.adjusted() >= VALUE_DIGITS_MAX):
        raise AmountError("The value has too many digits for an amount of money.")
    return Fraction(value)
