"""Customer, amount and currency of a payload are billed as they are meant, or not at all.

With the mapping language itself, to the lines of the ledger, on both databases.
"""

from __future__ import annotations

import json
from typing import Any, cast

from jobs.filters import DeliveryFilter
from jobs.replays.items import note_results
from jobs.settling.settle import Settler
from mappings.engine.loading.load import MappingSet, load
from receiver.signatures import RULES
from tests.jobs.doubles import FakeMappings
from tests.jobs.workshop import Workshop

AGENTS = """\
agents:
  bot:
    indicators:
      won:
        - {percent: "1", currency: USD}
      held: {price: "100.00", currency: USD}
    customers:
      acme-corp: {held: {price: "80.00", currency: USD}}
      café: {held: {price: "80.00", currency: USD}}
"""
MAPPING = """\
source: crm
verify: {scheme: github, secrets: [CRM_SECRET]}
outcomes:
  - name: held
    when: event.type == "held"
    agent: bot
    customer: ${{ event.customer }}
    indicator: held
    once_per: ${{ id(event.id) }}
  - name: won
    when: event.type == "won"
    agent: bot
    customer: acme-corp
    indicator: won
    once_per: ${{ id(event.id) }}
    value: ${{ event.amount }}
    currency: ${{ event.currency }}
"""
ODD = ["acme-corp ", " acme-corp", "acme-corp\u200b", "acme-corp\u00a0", "cafe\u0301"]


def mappings_of(mapping: str, agents: str = AGENTS) -> MappingSet:
    files = {"agents.yaml": agents.encode(), "crm.yaml": mapping.encode()}
    found = load(files, timezone="UTC", schemes=RULES)
    assert [str(problem) for problem in found.problems] == []
    return found


class _Service:
    """A worker's settler whose mappings can be edited."""

    def __init__(self, workshop: Workshop, mapping: str = MAPPING) -> None:
        self.workshop = workshop
        self.mappings = mappings_of(mapping)
        self.settler = Settler(workshop.database, lambda: self.mappings, note_results=note_results)

    async def settle(self, *events: dict[str, Any]) -> list[Any]:
        await self.settler.start()
        bodies = [json.dumps(event).encode() for event in events]
        ids = await self.workshop.post(*bodies)
        await self.settler.settle(ids)
        return [await self.workshop.delivery(one) for one in ids]

    async def replay(self) -> None:
        fake = cast("FakeMappings", self.mappings)
        await self.workshop.replay(self.settler, fake, DeliveryFilter(state="failed"))
        await self.settler.close()

    async def billed(self) -> set[tuple[str, int, str]]:
        lines = (await self.workshop.ledgers()).values()
        return {(one.billed_as, one.micros, one.currency) for key in lines for one in key}


async def test_a_customer_that_looks_like_another_bills_nothing_until_it_is_mapped_as_that(
    workshop: Workshop,
) -> None:
    service = _Service(workshop)
    events = [{"type": "held", "id": n, "customer": one} for n, one in enumerate(ODD)]
    for delivery in await service.settle(*events):
        assert (delivery.state, delivery.reason) == ("failed", "mapping")
        assert "trim(x)" in delivery.detail
        assert "nfc(x)" in delivery.detail
    assert await service.billed() == set()
    service.mappings = mappings_of(MAPPING.replace("event.customer", "nfc(trim(event.customer))"))
    await service.replay()
    assert await workshop.states() == {"recorded": len(ODD)}
    assert await service.billed() == {
        ("acme-corp", 80_000_000, "USD"),
        ("café", 80_000_000, "USD"),
    }


async def test_a_value_in_another_currency_bills_nothing_until_it_has_a_price(
    workshop: Workshop,
) -> None:
    service = _Service(workshop)
    yen = {"type": "won", "id": 1, "amount": 4_800_000, "currency": "JPY"}
    dollars = {"type": "won", "id": 2, "amount": 1000000.0, "currency": "usd"}
    [failed, recorded] = await service.settle(yen, dollars)
    assert (failed.state, failed.reason, recorded.state) == ("failed", "unpriced", "recorded")
    assert "in JPY, only in USD" in failed.detail
    assert await service.billed() == {("acme-corp", 10_000_000_000, "USD")}
    price = '- {percent: "1", currency: JPY, round: minor}'
    agents = AGENTS.replace("      held:", f"        {price}\n      held:", 1)
    service.mappings = mappings_of(MAPPING, agents)
    await service.replay()
    assert await service.billed() == {
        ("acme-corp", 10_000_000_000, "USD"),
        ("acme-corp", 48_000_000_000, "JPY"),
    }


async def test_cents_are_billed_to_the_cent(workshop: Workshop) -> None:
    tenth = AGENTS.replace('percent: "1"', 'percent: "10"')
    service = _Service(workshop)
    value = "${{ minor(event.amount, event.currency) }}"
    service.mappings = mappings_of(MAPPING.replace("${{ event.amount }}", value), tenth)
    event = {"type": "won", "id": 1, "amount": 12050, "currency": "usd"}
    [delivery] = await service.settle(event)
    await service.settler.close()
    assert delivery.state == "recorded"
    assert await service.billed() == {("acme-corp", 12_050_000, "USD")}
