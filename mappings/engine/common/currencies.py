"""Currencies: which there are, and what their smallest unit is.

Owns: the active codes of ISO 4217 that have a minor unit (list one as published 2026-01-01,
https://www.six-group.com/en/products-services/financial-information/data-standards.html), amounts
counted in minor units, and what of an exact amount can be paid. It is a table here because the list
changes less than once a year, and a library's copy of it would have to be moved on just the same.
Refuses: exchange rates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from mappings.engine.common.errors import InvalidValue, quoted
from mappings.engine.common.suggest import nearest

_TWO_DECIMALS = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD
HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD
RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"
_BY_DECIMALS = {0: _NO_DECIMALS, 2: _TWO_DECIMALS, 3: _THREE_DECIMALS, 4: _FOUR_DECIMALS}

#: Decimals of each currency's minor unit.
DECIMALS: Mapping[str, int] = MappingProxyType(
    {code: decimals for decimals, codes in _BY_DECIMALS.items() for code in codes.split()}
)
#: Minor units in a major one, by code in capital or small letters.
UNITS: Mapping[str, int] = {
    spelt: 10**decimals for code, decimals in DECIMALS.items() for spelt in (code, code.lower())
}
_COMMON = ("USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "CNY", "INR", "BRL", "SEK", "PLN")
_LETTERS = re.compile("[A-Za-z]{3}")
_COUNT = re.compile("-?[0-9]{1,30}")
_MICRO_DECIMALS = 6


def currency_code(text: str) -> str:
    """The code in `text`, in capital letters as ISO 4217 has it. Raises InvalidValue."""
    if _LETTERS.fullmatch(text) and (code := text.upper()) in DECIMALS:
        return code
    close = near_code(text)
    meant = f"perhaps {close} is meant" if close else "give three letters such as USD"
    raise InvalidValue(f"{quoted(text)} is not a currency in use by ISO 4217", meant)


def near_code(text: str) -> str | None:
    """The currency that was probably meant: one of the same letters, or a common one."""
    letters = sorted(text.upper())
    same = [code for code in DECIMALS if sorted(code) == letters]
    return nearest(text, same or _COMMON)


def minor_amount(count: int | str, currency: str) -> str:
    """`count` minor units as decimal text in major units: 12050 and USD give "120.50".

    `count` is a whole number or the text of one. Raises InvalidValue.
    """
    text = str(count)
    if not _COUNT.fullmatch(text):
        raise InvalidValue(
            f"{quoted(text)} is not a whole number of minor units",
            "an amount with a point is in major units already: give it to `value` as it is",
        )
    return format(Decimal(f"{text}e-{DECIMALS[currency_code(currency)]}"), "f")


def payable(amount_micros: int, currency: str) -> str | None:
    """What of the amount can be paid, as text, where that is another amount; else None."""
    rounded = payable_micros(amount_micros, currency)
    if rounded == amount_micros:
        return None
    return minor_amount(rounded * UNITS[currency] // 10**_MICRO_DECIMALS, currency)


def payable_micros(amount_micros: int, currency: str) -> int:
    """The exact amount rounded half-even to what can be paid, in integer millionths.

    An amount in a currency that is no longer in the list is left as it is.
    """
    unit: int = 10 ** (_MICRO_DECIMALS - DECIMALS.get(currency, _MICRO_DECIMALS))
    quotient, rest = divmod(amount_micros, unit)
    up = 2 * rest > unit or (2 * rest == unit and quotient % 2 == 1)
    return (quotient + up) * unit
