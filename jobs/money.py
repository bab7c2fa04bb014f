"""Money as text: integer millionths to a decimal string, never through a float."""

from __future__ import annotations


def money(amount_micros: int) -> str:
    """`990000` → `"0.99"`, `-400000000` → `"-400.00"`, `123456` → `"0.123456"`.

    At least two decimals, at most six, no trailing zeros beyond the second.
    """
    sign = "-" if amount_micros < 0 else ""
    whole, fraction = divmod(abs(amount_micros), 1_000_000)
    decimals = f"{fraction:06d}"
    return f"{sign}{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"
