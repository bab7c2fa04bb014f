"""Which price applies, in which currency, and what of it can be paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mappings.engine.common.currencies import (
    DECIMALS,
    currency_code,
    minor_amount,
    payable,
    payable_micros,
)
from mappings.engine.reasons import Reason
from mappings.engine.tooling.trace import trace
from tests.mappings.kit import (
    AT,
    delivery,
    good,
    loaded,
    only_failure,
    only_outcome,
    rule,
)

AGENTS = """\
agents:
  bot:
    indicators:
      saved:
        - {percent: "1", currency: USD, min: "1.00"}
        - {percent: "2", currency: EUR}
        - {percent: "3", currency: EUR, from: 2026-02-01}
        - {percent: "2.5", currency: JPY, min: "10", round: minor}
        - {percent: "4", currency: KWD, from: 2027-01-01}
      solved: {price: "0.99", currency: USD}
      tiny: {price: "0.000250", currency: USD, round: minor}
      switched:
        - {price: "1", currency: EUR}
        - {price: "2", currency: USD, from: 2026-02-15}
    customers:
      acme: {saved: {percent: "0.5", currency: USD}, solved: {price: "0.80", currency: EUR}}
"""


def billed(event: dict[str, Any], **keys: str) -> Any:
    given_keys = {"indicator": "${{ event.i }}", "customer": "${{ event.who }}", **keys}
    text = rule(value='"${{ event.v }}"', occurred_at="${{ event.at }}", **given_keys)
    whole = {"id": 1, "i": "saved", "who": "globex", "v": "1000", "at": AT, **event}
    return good(text, agents_yaml=AGENTS).map(delivery(whole, oldest_days=None))


OWN = {"currency": '"${{ event.c }}"'}
PRICED: dict[str, tuple[dict[str, Any], int, str]] = {
    "its own series": ({"c": "EUR"}, 30_000_000, "EUR"),
    "its own series, earlier": ({"c": "EUR", "at": "2026-01-31T23:00:00Z"}, 20_000_000, "EUR"),
    "another currency's": ({"c": "USD"}, 10_000_000, "USD"),
    "in small letters": ({"c": "usd"}, 10_000_000, "USD"),
    "at least, in the price's currency": ({"c": "USD", "v": "3"}, 1_000_000, "USD"),
    "a customer's own": ({"c": "USD", "who": "acme"}, 5_000_000, "USD"),
    "the general one where the customer's own is in another": (
        {"c": "EUR", "who": "acme"},
        30_000_000,
        "EUR",
    ),
    "rounded half to even": ({"c": "JPY", "v": "12345"}, 309_000_000, "JPY"),
    "rounded half to even, down": ({"c": "JPY", "v": "420"}, 10_000_000, "JPY"),
    "rounded after the bounds": ({"c": "JPY", "v": "0"}, 10_000_000, "JPY"),
    "a fixed one": ({"c": "USD", "i": "solved"}, 990_000, "USD"),
    "a customer's own fixed one": ({"c": "EUR", "i": "solved", "who": "acme"}, 800_000, "EUR"),
    "what cannot be paid": ({"c": "USD", "i": "tiny"}, 0, "USD"),
    "before a switch": ({"c": "EUR", "i": "switched"}, 1_000_000, "EUR"),
    "after a switch": ({"c": "USD", "i": "switched"}, 2_000_000, "USD"),
}


@pytest.mark.parametrize(("event", "micros", "currency"), PRICED.values(), ids=PRICED.keys())
def test_only_a_price_in_the_currency_of_the_value_applies(
    event: dict[str, Any], micros: int, currency: str
) -> None:
    outcome = only_outcome(billed(event, **OWN))
    assert (outcome.amount_micros, outcome.currency) == (micros, currency)


UNPRICED = {
    "no price in it": (
        {"c": "GBP"},
        'in GBP, only in EUR and JPY and KWD and USD. Add `{percent: "…", currency: GBP}`',
    ),
    "no fixed price in it": (
        {"c": "JPY", "i": "solved"},
        'in JPY, only in USD. Add `{price: "…", currency: JPY}` to the list under agents.bot',
    ),
    "not yet in it": ({"c": "KWD"}, "the first is from 2027-01-01"),
    "a customer's own in another and no general one": (
        {"c": "GBP", "i": "solved", "who": "acme"},
        "in GBP, only in EUR and USD",
    ),
}


@pytest.mark.parametrize(("event", "said"), UNPRICED.values(), ids=UNPRICED.keys())
def test_a_currency_without_a_price_is_unpriced_and_named(event: dict[str, Any], said: str) -> None:
    failure = only_failure(billed(event, **OWN))
    assert failure.reason is Reason.UNPRICED
    assert said in failure.detail


def test_without_a_currency_one_of_several_is_never_guessed() -> None:
    failure = only_failure(billed({}))
    assert failure.reason is Reason.UNPRICED
    assert "in EUR and JPY and USD, and the rule does not say which" in failure.detail
    assert "Add `currency: ${{ … }}`" in failure.detail
    assert only_failure(billed({"i": "switched"})).reason is Reason.UNPRICED
    assert only_outcome(billed({"i": "switched", "at": "2026-02-01T00:00:00Z"})).currency == "EUR"
    assert only_outcome(billed({"who": "acme"})).currency == "USD"
    assert only_outcome(billed({"i": "solved", "who": "acme"})).currency == "EUR"


@pytest.mark.parametrize("currency", ["UDS", "", " USD", "US", "840", "DEM", "XAU", "\uff35SD"])
def test_what_is_no_currency_fails_and_bills_nothing(currency: str) -> None:
    failure = only_failure(billed({"c": currency}, **OWN))
    assert (failure.reason, failure.field) == (Reason.MAPPING, "currency")
    assert f'"{currency}" is not a currency in use by ISO 4217' in failure.detail


@pytest.mark.parametrize("currency", [840, None, True, ["USD"]])
def test_a_currency_is_text(currency: Any) -> None:
    assert only_failure(billed({"c": currency}, currency="${{ event.c }}")).field == "currency"


REFUSED = {
    "a misspelt currency": (
        {"currency": "UDS"},
        "not a currency in use by ISO 4217",
        "USD is meant",
    ),
    "a currency without a price": ({"currency": "GBP"}, "in GBP, only in", "currency: GBP"),
    "several and none said": ({}, "in EUR and JPY and KWD and USD", "Add `currency:"),
    "a bare expression": ({"currency": "event.currency"}, "taken literally", "Write ${{"),
}


@pytest.mark.parametrize(("keys", "said", "remedy"), REFUSED.values(), ids=REFUSED.keys())
def test_what_shows_at_load_is_refused(keys: dict[str, str], said: str, remedy: str) -> None:
    text = rule(indicator="saved", value='"${{ event.v }}"', **keys)
    [problem] = loaded(text, agents_yaml=AGENTS).problems
    assert problem.file == "desk.yaml"
    assert said in problem.message
    assert remedy in problem.remedy


def test_a_literal_currency_may_be_in_small_letters() -> None:
    text = rule(indicator="saved", value='"1000"', currency="usd")
    found = good(text, agents_yaml=AGENTS).map(delivery({"id": 1}))
    assert only_outcome(found).currency == "USD"


CATALOGUE = {
    "UDS": ("`UDS` is not a currency code", "`USD`"),
    "GPB": ("`GPB` is not a currency code", "`GBP`"),
    "usd": ("`usd` is not a currency code", "`USD`"),
    "DEM": ("`DEM` is not a currency code", "`currency: USD`"),
    "XXX": ("`XXX` is not a currency code", "`currency: USD`"),
}


@pytest.mark.parametrize(("code", "said"), CATALOGUE.items(), ids=CATALOGUE.keys())
def test_a_price_in_no_currency_is_refused(code: str, said: tuple[str, str]) -> None:
    text = f'agents: {{bot: {{indicators: {{solved: {{price: "1", currency: {code}}}}}}}}}\n'
    problem = next(p for p in loaded(agents_yaml=text).problems if p.file == "agents.yaml")
    assert said[0] in problem.message
    assert said[1] in problem.remedy


def test_the_trace_shows_value_currency_and_price() -> None:
    text = rule(indicator="saved", value='"${{ event.v }}"', currency='"${{ event.c }}"')
    found = trace(good(text, agents_yaml=AGENTS), delivery({"id": 1, "v": 420, "c": "jpy"}))
    [step] = found.events[0].rules
    assert {one.name: one.value for one in step.fields if one.name in ("value", "currency")} == {
        "value": "420",
        "currency": "JPY",
    }
    assert step.price == (
        "agents.bot.indicators.saved: 2.5 % of the value in JPY, at least 10.00, "
        "rounded to what can be paid"
    )


PAID = {
    "half to even, up": (309_500_000, "JPY", "310"),
    "half to even, down": (308_500_000, "JPY", "308"),
    "the issue's": (308_625_000, "JPY", "309"),
    "less than a cent": (250, "USD", "0.00"),
    "a cent and a half": (15_000, "USD", "0.02"),
    "negative": (-308_625_000, "JPY", "-309"),
    "three decimals": (1_234_500, "KWD", "1.234"),
    "four decimals": (1_234_550, "CLF", "1.2346"),
    "exact already": (1_230_000, "USD", None),
    "whole": (5_000_000, "JPY", None),
    "a currency of the past": (1_234_567, "DEM", None),
}


@pytest.mark.parametrize(("micros", "currency", "text"), PAID.values(), ids=PAID.keys())
def test_what_can_be_paid_is_the_amount_rounded_half_to_even(
    micros: int, currency: str, text: str | None
) -> None:
    assert payable(micros, currency) == text


@given(st.integers(-(10**15), 10**15), st.sampled_from(sorted(DECIMALS)))
def test_rounding_is_that_of_decimals(micros: int, currency: str) -> None:
    unit = Decimal(1).scaleb(-DECIMALS[currency])
    expected = (Decimal(micros) / 1_000_000).quantize(unit)
    assert payable_micros(micros, currency) == int(expected * 1_000_000)


@given(st.integers(-(10**12), 10**12), st.sampled_from(sorted(DECIMALS)))
def test_minor_units_are_the_amount_exactly(count: int, currency: str) -> None:
    text = minor_amount(count, currency)
    assert Decimal(text) == Decimal(count).scaleb(-DECIMALS[currency])
    assert len(text.partition(".")[2]) == DECIMALS[currency]


def test_the_currencies_are_those_of_iso_4217() -> None:
    assert len(DECIMALS) == 165
    assert {code: DECIMALS[code] for code in ("USD", "JPY", "KWD", "CLF", "XCG", "ZWG")} == {
        "USD": 2,
        "JPY": 0,
        "KWD": 3,
        "CLF": 4,
        "XCG": 2,
        "ZWG": 2,
    }
    assert currency_code("chf") == "CHF"
