"""The catalogue: what an indicator of an agent costs a customer at a moment.

Owns: finding the price and, where there is none, what to add and where. Refuses: to guess one.
The file it comes from is read in `agentsfile`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from mappings.engine.common.errors import MappingsError, shown
from mappings.engine.common.suggest import nearest
from mappings.engine.pricing.prices import AmountError, PriceEntry, in_effect

FILE = "agents.yaml"

#: Indicator to its prices.
Prices = Mapping[str, tuple[PriceEntry, ...]]


class UnpricedError(MappingsError):
    """The catalogue gives no price for this; the message names what to add and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one outcome bills: integer millionths of the currency's major unit.

    `entry` is the price in the file that gives it, a customer's own if `is_own`.
    """

    amount_micros: int
    currency: str
    entry: PriceEntry | None = field(default=None, compare=False)
    is_own: bool = field(default=False, compare=False)

    def described(self, agent: str, customer: str, indicator: str) -> str:
        """Where the price stands in the file, and its text."""
        list_ = f"customers.{customer}" if self.is_own else "indicators"
        text = f": {self.entry.described}" if self.entry is not None else ""
        return f"agents.{agent}.{list_}.{indicator}{text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent's prices: the general ones, and those of single customers that go before them."""

    name: str
    indicators: Prices
    customers: Mapping[str, Prices] = field(default_factory=lambda: MappingProxyType({}))

    def known(self) -> tuple[str, ...]:
        """All indicators with a price, for whomever."""
        every = [self.indicators, *self.customers.values()]
        return tuple(dict.fromkeys(indicator for prices in every for indicator in prices))

    def entries(self, indicator: str) -> Iterable[PriceEntry]:
        """All prices of `indicator`, general and customers'."""
        for prices in (self.indicators, *self.customers.values()):
            yield from prices.get(indicator, ())

    def currencies(self, indicator: str) -> tuple[str, ...]:
        """Those that a price of `indicator` is in, general or a customer's."""
        return tuple(sorted({entry.currency for entry in self.entries(indicator)}))

    def open_currencies(self, indicator: str) -> tuple[str, ...]:
        """Those among which a rule must say which: of the first list of prices in several."""
        for prices in (self.indicators, *self.customers.values()):
            found = sorted({entry.currency for entry in prices.get(indicator, ())})
            if len(found) > 1:
                return tuple(found)
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All agents and their prices; `version` is the SHA-256 of the file's bytes."""

    version: str
    agents: Mapping[str, Agent] = field(default_factory=lambda: MappingProxyType({}))

    def knows(self, agent: str, indicator: str | None = None) -> bool:
        """Whether `agent` (and some price for `indicator`, for whomever) is in the catalogue."""
        found = self.agents.get(agent)
        return found is not None and (indicator is None or indicator in found.known())

    def needs_value(self, agent: str, indicator: str) -> bool:
        """Whether some price of `indicator` is a percentage of the rule's `value:`."""
        found = self.agents.get(agent)
        return found is not None and any(
            entry.percent is not None for entry in found.entries(indicator)
        )

    def advice(
        self, agent: str, indicator: str | None = None, *, written: bool = True
    ) -> tuple[str, str]:
        """For what the catalogue does not know: what is missing, and what to do about it.

        `written` in a rule, or not: what a sender put is no slip of a rule's, and to write the
        nearest name there instead would bill another agent.
        """
        found = self.agents.get(agent)
        if found is None:
            missing = f"{FILE} has no agent `{shown(agent)}`."
            line = f"{shown(agent)}: {{indicators: {{{_line(indicator)}}}}}"
            where = f"under agents: `{line}`"
            return missing, _remedy(nearest(agent, self.agents), where, written=written)
        missing = f"{FILE} has no price of `{shown(indicator or '')}` for agent `{shown(agent)}`."
        where = f"under agents.{shown(agent)}.indicators: `{_line(indicator)}`"
        return missing, _remedy(nearest(indicator or "", found.known()), where, written=written)

    def price(
        self,
        *,
        agent: str,
        indicator: str,
        customer: str,
        at: datetime,
        value: Decimal | None = None,
        currency: str | None = None,
    ) -> Price:
        """What the outcome bills: the customer's own price in effect at `at`, else the general.

        `at` is aware; `value` is in major units and counts for percentages alone. With `currency`
        only prices in it apply; without, all that are in effect must be in one. Raises
        UnpricedError, whose message names what to add and where.
        """
        found = self.agents.get(agent)
        if found is None:
            raise UnpricedError(" ".join(self.advice(agent, indicator, written=False)))
        own = found.customers.get(customer, {}).get(indicator, ())
        general = found.indicators.get(indicator, ())
        entry = self._entry(agent, indicator, (own, general), at, currency)
        if entry is None:
            raise UnpricedError(self._nothing(agent, indicator, at, (*own, *general), currency))
        try:
            return Price(
                amount_micros=entry.amount_micros(value),
                currency=entry.currency,
                entry=entry,
                is_own=entry in own,
            )
        except AmountError as error:
            raise UnpricedError(
                f"The price of `{shown(indicator)}` for agent `{shown(agent)}` in {FILE} cannot "
                f"be worked out. {error}"
            ) from error

    def _entry(
        self,
        agent: str,
        indicator: str,
        lists: Iterable[tuple[PriceEntry, ...]],
        at: datetime,
        currency: str | None,
    ) -> PriceEntry | None:
        """The price that applies, of the first of `lists` that has one."""
        for entries in lists:
            begun = in_effect(entries, at)
            if currency is not None:
                begun = {code: entry for code, entry in begun.items() if code == currency}
            if len(begun) > 1:
                raise UnpricedError(" ".join(self.open_advice(agent, indicator, sorted(begun))))
            if begun:
                return next(iter(begun.values()))
        return None

    def open_advice(self, agent: str, indicator: str, currencies: Iterable[str]) -> tuple[str, str]:
        """For prices in several currencies and a rule without one: what is open, what helps."""
        open_ = (
            f"{FILE} has prices of `{shown(indicator)}` for agent `{shown(agent)}` in "
            f"{' and '.join(currencies)}, and the rule does not say which applies."
        )
        return open_, "Add `currency: ${{ … }}` to the rule: the currency of its value."

    def currency_advice(
        self, agent: str, indicator: str, currency: str, known: Iterable[str]
    ) -> tuple[str, str]:
        """For a currency without a price: what is missing, and what to add where."""
        entries = self.agents[agent].entries(indicator)
        kind = "percent" if any(entry.percent is not None for entry in entries) else "price"
        missing = (
            f"{FILE} has no price of `{shown(indicator)}` for agent `{shown(agent)}` in "
            f"{currency}, only in {' and '.join(known)}."
        )
        place = f"agents.{shown(agent)}.indicators.{shown(indicator)}"
        line = f'{{{kind}: "…", currency: {currency}}}'
        return missing, f"Add `{line}` to the list under {place}, or correct the rule's `currency`."

    def _nothing(
        self,
        agent: str,
        indicator: str,
        at: datetime,
        entries: tuple[PriceEntry, ...],
        currency: str | None,
    ) -> str:
        known = sorted({entry.currency for entry in entries})
        if currency is not None and known and currency not in known:
            return " ".join(self.currency_advice(agent, indicator, currency, known))
        fitting = [entry for entry in entries if currency in (None, entry.currency)]
        begins = min((entry.since for entry in fitting if entry.since), default=None)
        if begins is None:
            return " ".join(self.advice(agent, indicator, written=False))
        return (
            f"{FILE} has no price of `{shown(indicator)}` for agent `{shown(agent)}` in effect on "
            f"{at.astimezone(begins.tzinfo).date()}; the first is from {begins.date()}. "
            f"Add one without `from`, or from an earlier date, under "
            f"agents.{shown(agent)}.indicators.{shown(indicator)}."
        )


def _line(indicator: str | None) -> str:
    return f'{shown(indicator or "INDICATOR")}: {{price: "…", currency: …}}'


def _remedy(close: str | None, where: str, *, written: bool) -> str:
    if close is None:
        return f"Add {where}."
    if written:
        return f"Write `{close}` in the rule, or add {where}."
    return f"Add {where}; or correct the rule, if it means `{close}`."
