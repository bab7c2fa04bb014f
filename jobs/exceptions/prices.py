"""Negotiated prices that nothing uses: the catalogue held against mappings and ledger.

Owns what counts as use: a customer that was billed, or that a table, a variable or a rule names; an
indicator that has a general price, that a rule names, or that was billed for that agent. That a
known customer was not billed for a known indicator yet is no exception.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.storage.batching import chunks
from jobs.storage.schema import billing_events, customers
from mappings.engine.loading.load import MappingSet
from mappings.engine.pricing.catalogue import Agent, Catalogue
from mappings.engine.pricing.unused import UnusedPrice, Usage, unused_prices

#: So many customers are looked through for the name that was meant.
MOST_NAMES = 5_000


async def read_unused_prices(
    connection: AsyncConnection, mappings: MappingSet
) -> tuple[UnusedPrice, ...]:
    """The customers' own prices under a customer or an indicator that nothing uses."""
    catalogue = mappings.catalogue
    if catalogue is None or not any(agent.customers for agent in catalogue.agents.values()):
        return ()
    named = {name for agent in catalogue.agents.values() for name in agent.customers}
    billed = await _billed_customers(connection, sorted(named))
    users = billed | named.intersection(_possible_customers(mappings))
    triples: set[Usage] = set()
    for name, agent in catalogue.agents.items():
        if agent.customers:
            indicators = await _indicators(connection, mappings, name, agent)
            triples |= {(name, who, what) for who in users for what in indicators}
    unused = unused_prices(catalogue, triples)
    if not any(price.is_customer for price in unused):
        return unused
    return unused_prices(catalogue, triples | await _other_customers(connection, catalogue))


async def _billed_customers(connection: AsyncConnection, named: list[str]) -> set[str]:
    billed: set[str] = set()
    for chunk in chunks(named):
        billed.update(
            await connection.scalars(select(customers.c.id).where(customers.c.id.in_(chunk)))
        )
    return billed


async def _indicators(
    connection: AsyncConnection, mappings: MappingSet, name: str, agent: Agent
) -> set[str]:
    """The indicators of the agent that are used."""
    lines = billing_events.c
    used = set(agent.indicators) | {
        literal
        for program in mappings.programs.values()
        for rule in program.rules
        if rule.indicator is not None and (literal := rule.indicator.template.literal)
    }
    own = {indicator for prices in agent.customers.values() for indicator in prices}
    for indicator in sorted(own - used):
        billed = select(lines.id).where(lines.indicator == indicator, lines.agent_id == name)
        if await connection.scalar(billed.limit(1)) is not None:
            used.add(indicator)
    return used


def _possible_customers(mappings: MappingSet) -> Iterator[str]:
    """The names that a rule may bill without having done so yet."""
    for table in mappings.tables.values():
        yield from table.rows.values()
    for source in mappings.sources.values():
        yield from (value for value in source.vars.values() if isinstance(value, str))
    for program in mappings.programs.values():
        for rule in program.rules:
            if rule.customer is not None and rule.customer.template.literal is not None:
                yield rule.customer.template.literal


async def _other_customers(connection: AsyncConnection, catalogue: Catalogue) -> set[Usage]:
    """Who may have been meant: the customers billed last, under the agents with own prices."""
    columns = customers.c
    latest = select(columns.id).order_by(columns.first_billed_at.desc()).limit(MOST_NAMES)
    names = set(await connection.scalars(latest))
    return {
        (agent_name, who, "")
        for agent_name, agent in catalogue.agents.items()
        if agent.customers
        for who in names
    }
