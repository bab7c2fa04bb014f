"""Prices are added to an existing text as lines, and nothing of it changes."""

from __future__ import annotations

import pytest

from mappings.engine.pricing.agentsfile import read_catalogue
from mappings.engine.pricing.catalogue import Catalogue
from receiver.authoring.pricelist import Prices, chosen, extended, merged, priced_text

ONE = {"price": "1.00", "currency": "USD"}
OWN = """\
agents:  # mine
    support-agent:
        # the one in the chat
        name: Support
        indicators:   # by hand
            ticket-resolved: {price: "0.50", currency: EUR}  # agreed in May
        customers: {acme: {ticket-resolved: {price: "0.40", currency: EUR}}}

# that was all
"""
WANTED: Prices = {
    "sales-agent": {
        "name": "Sales",
        "indicators": {"deal-won": [ONE, {**ONE, "from": "2027-01-01"}]},
    },
    "support-agent": {
        "name": "Other",
        "indicators": {"ticket-resolved": ONE, "call-answered": ONE},
    },
}


def catalogue(text: str) -> Catalogue:
    found = read_catalogue(text.encode(), timezone="UTC")
    assert isinstance(found, Catalogue)
    return found


def test_what_is_written_is_read_as_the_same() -> None:
    text = priced_text(WANTED)
    agents = catalogue(text).agents
    assert agents["sales-agent"].known() == ("deal-won",)
    assert len(agents["sales-agent"].indicators["deal-won"]) == 2
    assert extended(text, WANTED) == text
    assert catalogue(priced_text({})).agents == {}


def test_prices_are_added_between_the_lines() -> None:
    text = extended(OWN, WANTED)
    assert text is not None
    assert set(OWN.splitlines()) < set(text.splitlines())
    agents = catalogue(text).agents
    assert agents["support-agent"].known() == ("call-answered", "ticket-resolved")
    [before] = catalogue(OWN).agents["support-agent"].indicators["ticket-resolved"]
    assert agents["support-agent"].indicators["ticket-resolved"] == (before,)
    assert agents["sales-agent"].known() == ("deal-won",)


@pytest.mark.parametrize(
    "text",
    [
        "agents: {support-agent: {indicators: {a: {price: '1', currency: USD}}}}\n",
        "agents: {}\n",
        "agents:\n  support-agent:\n    indicators: {a: {price: '1', currency: USD}}\n",
        "agents: [\n",
        "",
    ],
)
def test_a_text_that_takes_no_lines_is_left_alone(text: str) -> None:
    assert extended(text, WANTED) is None


def test_a_name_that_yaml_would_take_for_something_else_is_quoted() -> None:
    prices: Prices = {"true": {"name": "on: off", "indicators": {"8001": ONE, "a b": ONE}}}
    agents = catalogue(priced_text(prices)).agents
    assert (agents["true"].name, set(agents["true"].known())) == ("on: off", {"8001", "a b"})


def test_customers_prices_come_along_with_their_indicator_alone() -> None:
    agents: Prices = {
        "a": {"indicators": {"x": ONE, "y": ONE}, "customers": {"c": {"x": ONE}, "d": {"y": ONE}}}
    }
    assert chosen(agents, {("a", "x"), ("b", "x")}) == {
        "a": {"indicators": {"x": ONE}, "customers": {"c": {"x": ONE}}}
    }
    assert merged({"a": {"indicators": {"x": ONE}}}, agents) == {
        "a": {"indicators": {"x": ONE, "y": ONE}, "customers": {"d": {"y": ONE}}}
    }
