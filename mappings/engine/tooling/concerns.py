"""What is accepted but worth a look: prices that may be wrong or that nothing uses.

Owns: the warnings of `check` about prices, as sentences, from a loaded set alone (and from which
customers were billed before, where that is known). Refuses: to stop anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from mappings.engine.cel import text as celtext
from mappings.engine.loading.mapping_set import MappingSet
from mappings.engine.pricing.catalogue import Agent, Catalogue
from mappings.engine.pricing.unused import (
    UnusedPrice,
    of_unbilled_indicator,
    of_unknown_customer,
)
from mappings.engine.reading.tables import Table
from mappings.engine.rules.evaluate import Rule
from mappings.engine.rules.fields import Field
from mappings.engine.types import Kind


def price_concerns(mappings: MappingSet, customers: Collection[str] | None) -> tuple[str, ...]:
    """One sentence for each; `customers` are those billed before, None where that is not known."""
    if mappings.catalogue is None:
        return ()
    charges = tuple(_charges(mappings))
    return (
        *dict.fromkeys(_without_currency(mappings.catalogue, charges)),
        *(
            f"{price.summary} {price.remedy}"
            for price in _unused(mappings.catalogue, charges, customers)
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Charge:
    """A charge rule of one source, and what it can bill: None stands for anything."""

    file: str
    rule: Rule
    agent: str | None
    indicator: str | None
    customers: frozenset[str] | None

    def can_be(self, agent: str) -> bool:
        return self.agent in (None, agent)


def _charges(mappings: MappingSet) -> Iterator[_Charge]:
    for name, program in mappings.programs.items():
        for rule in program.rules:
            if rule.kind is Kind.CHARGE:
                yield _Charge(
                    file=mappings.sources[name].file,
                    rule=rule,
                    agent=_literal(rule.agent),
                    indicator=_literal(rule.indicator),
                    customers=_values(rule.customer, mappings.tables, program.variables),
                )


def _without_currency(catalogue: Catalogue, charges: Collection[_Charge]) -> Iterator[str]:
    """Percentages of a value whose currency no rule names."""
    for charge in charges:
        if charge.rule.value is None or charge.rule.currency is not None:
            continue
        for name, agent in catalogue.agents.items():
            for indicator in agent.known() if charge.can_be(name) else ():
                entries = [entry for entry in agent.entries(indicator) if entry.percent is not None]
                if entries and charge.indicator in (None, indicator):
                    yield (
                        f"{charge.file}, rule {charge.rule.name}: its `value` has no currency, "
                        f"and `{indicator}` of {name} is a percentage in {entries[0].currency}: "
                        "a value in another currency is billed as if it were in that. Add "
                        "`currency: ${{ … }}` to the rule."
                    )
                    break


def _unused(
    catalogue: Catalogue, charges: Collection[_Charge], billed: Collection[str] | None
) -> Iterator[UnusedPrice]:
    """Customers' own prices that no rule can reach."""
    for name, agent in catalogue.agents.items():
        of_agent = [charge for charge in charges if charge.can_be(name)]
        known = frozenset(billed or ()).union(*(charge.customers or () for charge in of_agent))
        open_ = billed is None and any(charge.customers is None for charge in of_agent)
        for customer, prices in agent.customers.items() if of_agent else ():
            for indicator in prices:
                if not open_ and customer not in known:
                    yield of_unknown_customer(name, agent, customer, indicator, known)
                elif not _is_billed(indicator, agent, of_agent):
                    named = {charge.indicator for charge in of_agent if charge.indicator}
                    yield of_unbilled_indicator(name, agent, customer, indicator, named)


def _is_billed(indicator: str, agent: Agent, charges: Collection[_Charge]) -> bool:
    return any(
        charge.indicator == indicator
        or (charge.indicator is None and indicator in agent.indicators)
        for charge in charges
    )


def _literal(field: Field | None) -> str | None:
    return None if field is None else field.template.literal


def _values(
    field: Field | None, tables: Mapping[str, Table], variables: Mapping[str, object]
) -> frozenset[str] | None:
    """All that a field can be: a text, a table's values, an account's var; else None."""
    literal = _literal(field)
    if literal is not None:
        return frozenset({literal})
    single = field.template.single if field is not None else None
    if single is None:
        return None
    let = single.lets.get(single.text)
    tokens = celtext.tokens(let.text if let is not None else single.text)
    texts = [token.text for token in tokens]
    if texts[:2] == ["vars", "."] and len(texts) == len(("vars", ".", "NAME")):
        return frozenset({str(variables.get(texts[2], ""))})
    table = tables.get(_looked_into(tokens) or "")
    return None if table is None else frozenset(table.rows.values())


def _looked_into(tokens: tuple[celtext.Token, ...]) -> str | None:
    """The table, if the whole expression is `lookup("table", key)`."""
    depth, commas = 0, 0
    for index, token in enumerate(tokens):
        depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "sign" else 0
        commas += token.text == "," and depth == 1
        if index and depth == 0 and index < len(tokens) - 1:
            return None
    is_call = [token.text for token in tokens[:2]] == ["lookup", "("]
    literal = tokens[2].text if is_call and commas == 1 else ""
    return literal[1:-1] if literal[:1] in {'"', "'"} else None
