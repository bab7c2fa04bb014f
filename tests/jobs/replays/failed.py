"""Deliveries that failed for want of a price, and the filters that replay them."""

from __future__ import annotations

from jobs.filters import DeliveryFilter
from tests.jobs.doubles import FakeMappings, bill, body, needing
from tests.jobs.workshop import Workshop

UNPRICED = DeliveryFilter(reason="unpriced")


RECORDED = DeliveryFilter(state="recorded")


async def some_failed(workshop: Workshop, fake: FakeMappings, count: int = 10) -> list[str]:
    """Deliveries that fail until `fake` knows a price; each holds a key of its own."""
    events = [needing("a price", bill(f"key-{number}")) for number in range(count)]
    ids = await workshop.post(*map(body, events))
    await (await workshop.settler(fake)).settle(ids)
    assert await workshop.states() == {"failed": count}
    return ids
