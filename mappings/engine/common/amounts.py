"""Decimal amounts, read exactly.

Owns: which texts are an amount of money that an outcome can be worth, and the number that each
stands for, to its last digit: any notation that JSON has, exponents and many decimals included.
Refuses, with the reason: signs, separators, currencies, and sizes that no amount has. Rounding is
the price's business, at the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import cached_property
from urllib.parse import unquote_to_bytes

from mappings.engine.common.errors import InvalidValue, quoted
from mappings.engine.common.identifiers import trim

#: Digits before the point: a larger number is in minor units, or no amount.
DIGITS_MAX = 12
#: More than the text of any floating number has (5e-324, 1074 decimals when written out).
CHARS_MAX = 1_100
EXPONENT_MAX = 400
#: What a value can have behind the point.
DECIMALS_MAX = CHARS_MAX + EXPONENT_MAX

#: RFC 8259's number, and leading zeros.
_NUMBER = re.compile(r"-?([0-9]+)(?:\.[0-9]+)?(?:[eE]([+-]?[0-9]+))?")
_STRANGER = re.compile(r"[^0-9.eE+\s-]")
_EXAMPLE = 'give digits with a point, such as "1200.50"'
#: Numbers of JSON that may have more digits than a floating number keeps.
_LONG = re.compile(rb"(?<=[\[:,\s])-?[0-9](?=[0-9.]{15})[0-9]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def decimal_amount(text: str) -> Decimal:
    """The amount that `text` stands for, exactly, without exponent. Raises InvalidValue."""
    number = _NUMBER.fullmatch(text) if len(text) <= CHARS_MAX else None
    if number is None:
        raise _no_number(text)
    if abs(int(number[2] or 0)) > EXPONENT_MAX:
        raise InvalidValue(
            f"{quoted(text)} has an exponent beyond {EXPONENT_MAX}", "no amount is of that size"
        )
    amount = Decimal(text)
    if amount < 0:
        raise InvalidValue(
            f"{quoted(text)} is negative",
            "a charge is worth 0 or more: have `when` leave it out, and take charges back with a "
            "rule that `reverses`",
        )
    if amount and amount.adjusted() >= DIGITS_MAX:
        raise InvalidValue(
            f"{quoted(text)} has more than {DIGITS_MAX} digits before the point",
            "give it in major units: minor(x, currency) turns cents into them",
        )
    return Decimal(format(amount.copy_abs(), "f"))


def money(amount_micros: int) -> str:
    """`990000` → `"0.99"`, `-400000000` → `"-400.00"`, `123456` → `"0.123456"`.

    At least two decimals, at most six, no trailing zeros beyond the second.
    """
    sign = "-" if amount_micros < 0 else ""
    whole, fraction = divmod(abs(amount_micros), 1_000_000)
    decimals = f"{fraction:06d}"
    return f"{sign}{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def _no_number(text: str) -> InvalidValue:
    if not text.strip():
        return InvalidValue("it is empty", "make `when` ask for it, or give an amount")
    if len(text) > CHARS_MAX:
        return InvalidValue(
            f"{quoted(text)} is not a decimal amount: it has {len(text)} characters", _EXAMPLE
        )
    problem = f"{quoted(text)} is not a decimal amount"
    if _NUMBER.fullmatch(trim(text)):
        return InvalidValue(f"{problem}: there is white space at an end", "write trim(x) around it")
    stranger = _STRANGER.search(text)
    if stranger is None:
        return InvalidValue(problem, _EXAMPLE)
    sign = stranger.group()
    if sign == ",":
        return InvalidValue(
            f"{problem}: a comma may part thousands or decimals",
            'say which: x.replace(",", "") or x.replace(",", ".")',
        )
    return InvalidValue(f"{problem}: `{sign}` does not belong in a number", _EXAMPLE)


class WrittenNumbers:
    """What stood in a JSON body where a floating number came out of it.

    A floating number keeps 15 digits of any number, and 17 of some. Those that lost digits are
    found in the body again, so that an amount is read as it was sent.
    """

    def __init__(self, body: bytes = b"") -> None:
        self._body = body

    def text(self, number: float) -> str:
        """`number` as it was written, or its shortest text. Raises InvalidValue."""
        written = self._long.get(number, frozenset())
        if len(written) > 1:
            raise InvalidValue(
                f"the payload has {' and '.join(sorted(map(str, written)))}, which are one and "
                "the same floating number",
                "have the sender put amounts of so many digits as text",
            )
        return next(map(str, written), repr(number))

    @cached_property
    def _long(self) -> Mapping[float, frozenset[Decimal]]:
        found: dict[float, frozenset[Decimal]] = {}
        for match in _LONG.finditer(self._body + b" " + _from_form(self._body)):
            text = match.group().decode()
            number = float(text)
            with suppress(InvalidOperation):  # its exponent is no amount's
                if repr(number) != text:
                    found[number] = found.get(number, frozenset()) | {Decimal(text)}
        return found


def _from_form(body: bytes) -> bytes:
    """The body as a form's JSON would be, if it can be one."""
    return unquote_to_bytes(body.replace(b"+", b" ")) if b"%" in body else b""
