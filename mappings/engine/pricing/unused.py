"""Negotiated prices that nothing uses, and whom each was probably meant for.

Owns: comparing the customers' own prices of `agents.yaml` with what is billed or can be. Refuses:
to know where that is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mappings.engine.common.errors import shown
from mappings.engine.common.lookalikes import skeleton
from mappings.engine.common.suggest import nearest
from mappings.engine.pricing.catalogue import FILE, Agent, Catalogue

#: An agent, a customer and an indicator that are billed together, or may be.
Usage = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class UnusedPrice:
    """A customer's own price under a name that nothing is billed by.

    `nearest` is the name that was probably meant: a customer's, or where the customer is known an
    indicator's (`is_customer` False); None where no name is near.
    """

    agent: str
    customer: str
    indicator: str
    is_customer: bool
    nearest: str | None

    @property
    def place(self) -> tuple[str, ...]:
        """The keys that lead to it in `agents.yaml`."""
        return ("agents", self.agent, "customers", self.customer, self.indicator)

    @property
    def summary(self) -> str:
        """What is odd, in a sentence."""
        head = (
            f"{FILE} has a price of `{shown(self.indicator)}` for customer "
            f"`{shown(self.customer)}` of agent `{shown(self.agent)}`, and nothing uses it: "
        )
        if self.is_customer:
            return f"{head}no such customer is known."
        return f"{head}`{shown(self.indicator)}` is not billed to that customer."

    @property
    def remedy(self) -> str:
        """What to do about it, in a sentence."""
        if self.nearest is None:
            return "Correct the name, or remove the price."
        return f"Write `{shown(self.nearest)}` if that is meant, or remove the price."


def unused_prices(catalogue: Catalogue, used: Iterable[Usage]) -> tuple[UnusedPrice, ...]:
    """The customers' own prices of which no triple in `used` is billed.

    `used` are the triples that were billed, or that are known to be possible. A customer or
    indicator that has an own price of its own is not suggested: it is spelt as it should be.
    """
    triples = frozenset(used)
    found = (
        _unused(name, agent, customer, indicator, triples)
        for name, agent in catalogue.agents.items()
        for customer, prices in agent.customers.items()
        for indicator in prices
        if (name, customer, indicator) not in triples
    )
    return tuple(sorted(found, key=lambda one: one.place))


def _unused(
    name: str, agent: Agent, customer: str, indicator: str, triples: frozenset[Usage]
) -> UnusedPrice:
    if not any(triple[1] == customer for triple in triples):
        known = {whom for who, whom, _ in triples if who == name} or {t[1] for t in triples}
        return of_unknown_customer(name, agent, customer, indicator, known)
    if indicator in agent.indicators:  # it is spelt as it should be
        return _of_indicator(name, customer, indicator, None)
    others = {other for who, whom, other in triples if (who, whom) == (name, customer)}
    return of_unbilled_indicator(name, agent, customer, indicator, others)


def of_unknown_customer(
    name: str, agent: Agent, customer: str, indicator: str, known: Iterable[str]
) -> UnusedPrice:
    """The price of a customer who is not among those `known`."""
    others = [other for other in known if indicator not in agent.customers.get(other, {})]
    return UnusedPrice(
        agent=name,
        customer=customer,
        indicator=indicator,
        is_customer=True,
        nearest=_nearest_name(customer, others),
    )


def of_unbilled_indicator(
    name: str, agent: Agent, customer: str, indicator: str, billed: Iterable[str]
) -> UnusedPrice:
    """The price of an indicator that is not among those `billed` to the customer."""
    others = {*billed, *agent.indicators} - set(agent.customers[customer])
    return _of_indicator(name, customer, indicator, _nearest_name(indicator, others))


def _of_indicator(agent: str, customer: str, indicator: str, near: str | None) -> UnusedPrice:
    return UnusedPrice(
        agent=agent, customer=customer, indicator=indicator, is_customer=False, nearest=near
    )


def _nearest_name(word: str, words: Iterable[str]) -> str | None:
    """A name that looks alike goes before one that is spelt alike."""
    ordered = sorted(words)
    alike = next((one for one in ordered if skeleton(one) == skeleton(word)), None)
    return alike or nearest(word, ordered)
