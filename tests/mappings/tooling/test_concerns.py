"""What `check` warns of in prices: open currencies, and names that nothing bills by."""

from __future__ import annotations

import pytest

from mappings.engine.tooling.concerns import price_concerns
from tests.mappings.kit import good, rule, rules

PRICES = """\
agents:
  bot:
    indicators:
      solved: {price: "0.99", currency: USD}
      saved: {percent: "2.5", currency: EUR}
    customers:
"""
PRICE = '{price: "0.80", currency: USD}'
TABLE = 'lookup("companies", id(event.company))'
TWO = """\
  - name: solved
    when: event.a == 1
    agent: bot
    customer: acme
    indicator: solved
    once_per: ${{ id(event.id) }}
  - name: saved
    when: event.a == 2
    agent: bot
    customer: ${{ lookup("companies", id(event.company)) }}
    indicator: ${{ event.i }}
    once_per: ${{ id(event.id) }}
    value: ${{ event.v }}
"""


def concerns(mapping: str, *lines: str, customers: frozenset[str] | None = None) -> list[str]:
    text = PRICES + "".join(f"      {line}\n" for line in lines)
    return list(price_concerns(good(mapping, agents_yaml=text), customers))


def test_a_percentage_of_a_value_without_currency_is_named_once() -> None:
    text = rule(indicator="saved", value='"${{ event.v }}"')
    [found] = concerns(text, f"acme: {{saved: {PRICE}}}")
    assert found.startswith("desk.yaml, rule solved: its `value` has no currency, and `saved` of")
    assert "a percentage in EUR" in found
    assert "Add `currency: ${{ … }}`" in found


def test_a_percentage_that_an_open_indicator_can_reach_is_named_too() -> None:
    text = rule(indicator="${{ event.i }}", agent="${{ event.a }}", value='"${{ event.v }}"')
    assert ["rule solved" in one for one in concerns(text, "{}")] == [True]


@pytest.mark.parametrize(
    "text",
    [
        rule(indicator="saved", value='"${{ event.v }}"', currency='"${{ event.c }}"'),
        rule(indicator="saved", value='"${{ event.v }}"', currency="EUR"),
        rule(indicator="solved", value='"${{ event.v }}"'),
        rule(indicator="solved"),
    ],
    ids=["its own", "written out", "a fixed price", "no value"],
)
def test_nothing_is_named_where_the_currency_is_known_or_idle(text: str) -> None:
    assert concerns(text, "{}") == []


UNUSED = {
    "a misspelt customer of a table": (TABLE, f"acmee: {{solved: {PRICE}}}", "acme"),
    "another case": (TABLE, f"Globex: {{solved: {PRICE}}}", "globex"),
    "a customer that looks alike": (TABLE, f"g1obex: {{solved: {PRICE}}}", "globex"),
    "a customer unlike any": (TABLE, f"umbrella: {{solved: {PRICE}}}", None),
    "a misspelt indicator": (TABLE, f"acme: {{solvd: {PRICE}}}", "solved"),
    "a customer's var": ("vars.who", f"initec: {{solved: {PRICE}}}", "initech"),
    "a let": ("of_let", f"acmee: {{solved: {PRICE}}}", "acme"),
}
HEAD = "vars: {who: initech}\nlet:\n  of_let: " + TABLE + "\n"


@pytest.mark.parametrize(("customer", "line", "nearest"), UNUSED.values(), ids=UNUSED.keys())
def test_a_negotiated_price_that_no_rule_reaches_is_named_with_the_nearest(
    customer: str, line: str, nearest: str | None
) -> None:
    text = rule(customer=f"'${{{{ {customer} }}}}'", let=HEAD)
    [found] = concerns(text, line)
    assert "nothing uses it" in found
    assert "customer `" in found
    expected = "Correct the name" if nearest is None else f"Write `{nearest}` if that is meant"
    assert expected in found


def test_a_literal_customer_is_known() -> None:
    assert concerns(rule(), f"acme: {{solved: {PRICE}}}") == []
    assert len(concerns(rule(), f"acm: {{solved: {PRICE}}}")) == 1


OPEN = ["event.who", 'event.x ? "acme" : event.who', 'lookup("companies", event.c, event.who)']


@pytest.mark.parametrize("customer", OPEN)
def test_where_any_customer_can_come_those_billed_before_are_asked(customer: str) -> None:
    text = rule(customer=f"'${{{{ {customer} }}}}'")
    line = f"acme-crop: {{solved: {PRICE}}}"
    assert concerns(text, line) == []
    [found] = concerns(text, line, customers=frozenset({"acme-corp", "globex"}))
    assert "Write `acme-corp` if that is meant" in found
    assert concerns(text, line, customers=frozenset({"acme-crop"})) == []


def test_an_agent_that_no_rule_bills_for_is_left_alone() -> None:
    other = PRICES + f"      {{}}\n  other: {{customers: {{acme: {{x: {PRICE}}}}}}}\n"
    assert price_concerns(good(rule(), agents_yaml=other), None) == ()


def test_two_rules_are_known_together() -> None:
    lines = [f"acme: {{solved: {PRICE}}}", f"globex: {{solved: {PRICE}, saved: {PRICE}}}"]
    found = concerns(rules(TWO), *lines)
    assert ["rule saved" in one for one in found] == [True]
