"""Amounts are read exactly in any notation that JSON has; a refusal names the reason."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given, strategies as st

from mappings.engine.common.amounts import WrittenNumbers, decimal_amount
from mappings.engine.common.errors import InvalidValue
from tests.mappings.kit import delivery, good, only_outcome, rule

READ = {
    "0": "0",
    "-0": "0",
    "-0.00": "0.00",
    "007": "7",
    "12.50": "12.50",
    "1e+06": "1000000",
    "1.25E7": "12500000",
    "1000000.0": "1000000.0",
    "5e-3": "0.005",
    "0e400": "0",
    "9" * 12: "9" * 12,
    f"0.{'1' * 52}": f"0.{'1' * 52}",
    f"123456789012.{'7' * 1000}": f"123456789012.{'7' * 1000}",
}


@pytest.mark.parametrize(("text", "exactly"), READ.items(), ids=[text[:20] for text in READ])
def test_an_amount_is_read_exactly(text: str, exactly: str) -> None:
    assert format(decimal_amount(text), "f") == exactly


REFUSED = {
    "": ("it is empty", "`when`"),
    " ": ("it is empty", "`when`"),
    " 5": ("white space at an end", "trim(x)"),
    "5\u00a0": ("white space at an end", "trim(x)"),
    "1,234.50": ("a comma may part thousands or decimals", 'x.replace(",", "")'),
    "12 USD": ("`U` does not belong in a number", "1200.50"),
    "€12": ("`€` does not belong", "1200.50"),
    "NaN": ("`N` does not belong", "1200.50"),
    "Infinity": ("`I` does not belong", "1200.50"),
    "0x10": ("`x` does not belong", "1200.50"),
    "٣": ("`٣` does not belong", "1200.50"),
    ".5": ("is not a decimal amount", "1200.50"),
    "5.": ("is not a decimal amount", "1200.50"),
    "+5": ("is not a decimal amount", "1200.50"),
    "1.2.3": ("is not a decimal amount", "1200.50"),
    "-0.01": ("is negative", "`reverses`"),
    "1" * 13: ("more than 12 digits before the point", "minor(x, currency)"),
    "1e12": ("more than 12 digits before the point", "minor(x, currency)"),
    "1e1000000": ("an exponent beyond 400", "size"),
    "1e-1000000": ("an exponent beyond 400", "size"),
    "0." + "1" * 1100: ("it has 1102 characters", "1200.50"),
}


@pytest.mark.parametrize(
    ("text", "said"), REFUSED.items(), ids=[ascii(text[:20]) for text in REFUSED]
)
def test_what_is_refused_says_why_and_what_helps(text: str, said: tuple[str, str]) -> None:
    with pytest.raises(InvalidValue) as refused:
        decimal_amount(text)
    assert said[0] in refused.value.message
    assert said[1] in refused.value.remedy


DIGITS = st.text("0123456789", min_size=1, max_size=30)
NUMBERS = st.builds(
    lambda whole, rest, exponent: f"{int(whole[:9])}.{rest}e{exponent}",
    DIGITS,
    DIGITS,
    st.integers(-20, 2),
)


@given(number=NUMBERS, as_text=st.booleans())
def test_any_number_of_json_bills_as_exact_arithmetic_has_it(number: str, *, as_text: bool) -> None:
    body = f'{{"id": 1, "v": {json.dumps(number) if as_text else number}}}'.encode()
    text = rule(indicator="saved", value="${{ event.v }}")
    outcome = only_outcome(MAPPINGS[text].map(delivery(body)))
    with localcontext(prec=200):
        exact = Decimal(number) * Decimal("2.5") / 100
        expected = int(exact.quantize(Decimal("0.000001"), ROUND_HALF_EVEN) * 1_000_000)
    assert outcome.amount_micros == expected
    assert outcome.value == Decimal(number)


MAPPINGS = {text: good(text) for text in (rule(indicator="saved", value="${{ event.v }}"),)}


@given(st.floats(0, 1e11))
def test_a_number_that_lost_nothing_is_its_shortest_text(number: float) -> None:
    body = json.dumps({"v": number}).encode()
    assert Decimal(WrittenNumbers(body).text(number)) == Decimal(repr(number))
