"""A rebill is judged by event: what the other events of a delivery do is no reason to refuse."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from jobs.common.errors import FilterInvalid
from jobs.corrections.remapper import Remapper, find_origin
from jobs.corrections.request import CorrectionRequest
from jobs.corrections.runner import correct
from jobs.exceptions.register import find_exceptions
from jobs.filters import DeliveryFilter
from jobs.privacy.purge import purge, survey
from mappings.engine.loading.load import MappingSet, load
from receiver.signatures import RULES
from tests.jobs.builders import at
from tests.jobs.desk import ALL, Desk
from tests.jobs.doubles import FakeMappings, bill, body, undo
from tests.jobs.workshop import Workshop


async def _settle(desk: Desk, *outcomes: dict[str, Any]) -> str:
    """One delivery that tells all of these."""
    (delivery,) = await desk.workshop.post(body(*outcomes))
    await desk.settler.settle([delivery])
    return delivery


async def test_a_key_that_stands_twice_in_a_batch_is_rebilled_by_the_event_that_billed(
    desk: Desk,
) -> None:
    delivery = await _settle(
        desk, bill("twice", at=at(1)), bill("twice", at=at(1)), bill("once", at=at(1))
    )
    desk.fake.micros = 30
    done = await desk.rebill(delivery)
    assert (done.corrected, done.refused) == (2, 0)
    assert await desk.workshop.open_micros() == {"twice": 30, "once": 30}


async def test_an_event_that_fails_now_is_refused_and_its_neighbours_are_rebilled(
    desk: Desk,
) -> None:
    desk.fake.knows = {"an account"}
    delivery = await _settle(desk, bill("good"), bill("failing", needs="an account"))
    desk.fake.knows = set()
    desk.fake.micros = 30
    done = await desk.rebill(delivery)
    assert (done.corrected, done.refused) == (1, 1)
    reason = "its event fails now as unpriced: nothing is known of an account"
    assert done.refusals[0]["reason"] == reason
    assert await desk.workshop.open_micros() == {"good": 30, "failing": 990_000}


async def test_an_event_that_bills_no_more_is_not_billed_by_another_of_its_key(desk: Desk) -> None:
    delivery = await _settle(desk, bill("key", at=at(1), event=0), bill("key", at=at(2), event=1))
    desk.fake.without_event = 0
    desk.fake.micros = 30
    done = await desk.rebill(delivery)
    assert done.refusals[0]["reason"].startswith("the mapping gives no charge of the key key now")
    assert await desk.workshop.open_micros() == {"key": 990_000}


AGENTS = b"""\
agents:
  shop-agent:
    name: Shop agent
    indicators:
      sold: {price: "990.00", currency: USD}
      share: [{percent: "10", currency: USD}, {percent: "30", currency: EUR}]
    customers:
      acme: {sold: {price: "700.00", currency: USD}}
"""
SHOP = b"""\
source: crm
verify: {scheme: standard-webhooks, secrets: [SHOP_SECRET]}
events: payload
outcomes:
  - name: sold
    when: event.kind == "sold"
    agent: shop-agent
    customer: ${{ event.customer }}
    indicator: sold
    once_per: ${{ id(event.id) }}
  - name: share
    when: event.kind == "share"
    agent: shop-agent
    customer: ${{ event.customer }}
    indicator: share
    once_per: ${{ id(event.id) }}
    value: ${{ event.value }}
    currency: ${{ event.currency }}
"""


def _mappings(agents: bytes = AGENTS, shop: bytes = SHOP) -> MappingSet:
    found = load({"agents.yaml": agents, "crm.yaml": shop}, timezone="UTC", schemes=RULES)
    assert not found.problems
    return found


CHEAPER = AGENTS.replace(b"990.00", b"9.90").replace(b"700.00", b"7.00").replace(b'"10"', b'"20"')


async def _batch_with_one_erased(workshop: Workshop) -> str:
    """A batch for three customers of whom one was erased since, and with that its body."""
    settler = await workshop.settler(cast("FakeMappings", _mappings()))
    events = [
        {"kind": "sold", "customer": "acme", "id": 1},
        {"kind": "sold", "customer": "globex", "id": 2},
        {"kind": "share", "customer": "globex", "id": 3, "value": "50.00", "currency": "USD"},
        {"kind": "sold", "customer": "initech", "id": 4},
    ]
    (delivery,) = await workshop.post(json.dumps(events).encode())
    await settler.settle([delivery])
    database = workshop.database
    await purge(database, "initech", await survey(database, "initech"), actor="test")
    assert (await workshop.delivery(delivery)).body is None
    return delivery


async def _rebill(workshop: Workshop, now: MappingSet) -> Any:
    request = CorrectionRequest(where=ALL, remapper=Remapper(now))
    return await correct(workshop.database, request, actor="test", note="a wrong price")


async def test_a_batch_in_which_a_customer_was_erased_is_rebilled_for_the_others(
    workshop: Workshop,
) -> None:
    await _batch_with_one_erased(workshop)
    done = await _rebill(workshop, _mappings(CHEAPER))
    assert (done.corrected, done.refused) == (3, 1)
    assert "a customer in it was erased" in done.refusals[0]["reason"]
    assert sorted((await workshop.open_micros()).values()) == [
        7_000_000,
        9_900_000,
        10_000_000,
        990_000_000,
    ]
    again = await _rebill(workshop, _mappings(CHEAPER))
    assert (again.corrected, again.unchanged, again.refused) == (0, 3, 1)


async def test_without_its_body_nothing_is_guessed_once_the_mapping_was_edited(
    workshop: Workshop,
) -> None:
    await _batch_with_one_erased(workshop)
    done = await _rebill(workshop, _mappings(CHEAPER, SHOP + b"# an edit\n"))
    assert (done.corrected, done.refused) == (0, 4)
    assert {one["reason"] for one in done.refusals} == {
        "the body of its delivery was removed by `receiver purge`: a customer in it was erased"
    }


async def test_without_its_body_what_has_no_price_any_more_is_refused(workshop: Workshop) -> None:
    await _batch_with_one_erased(workshop)
    later = CHEAPER.replace(b'"20", currency: USD', b'"20", currency: USD, from: 2099-01-01')
    assert later != CHEAPER
    done = await _rebill(workshop, _mappings(later))
    assert (done.corrected, done.refused) == (2, 2)
    assert "its event fails now as unpriced: Rule share:" in str(done.refusals)


async def test_a_charge_is_billed_from_another_delivery(desk: Desk) -> None:
    """The amount was corrected by the vendor at the same time, or later: the first one stands."""
    first, corrected = await desk.settle(
        bill("key", at=at(1), micros=0), bill("key", at=at(2), micros=2_500)
    )
    line = await desk.open_line("key")
    done = await desk.rebill(line.id, origin=corrected)
    assert (done.corrected, done.refused) == (1, 0)
    assert await desk.ledger("key") == [0, 0, 2_500]
    new = await desk.open_line("key")
    assert (new.occurred_at, new.delivery_id) == (line.occurred_at, corrected)
    assert (await desk.rebill(corrected)).unchanged == 1
    assert (await desk.rebill(new.id, origin=first)).corrected == 1
    assert (await desk.open_line("key")).delivery_id == first
    assert (await desk.rebill(first)).unchanged == 1


async def test_of_two_amounts_in_one_delivery_the_last_is_billed_from_it(desk: Desk) -> None:
    """A batch that corrects its own amount: what the exception's command bills, once."""
    batch = await _settle(
        desk, bill("key", at=at(1), micros=0), bill("key", at=at(1), micros=2_500)
    )
    done = [await desk.rebill(batch, origin=batch) for _ in range(2)]
    assert [(one.corrected, one.unchanged, one.refused) for one in done] == [(1, 0, 0), (0, 1, 0)]
    assert await desk.ledger("key") == [0, 0, 2_500]
    where = DeliveryFilter(state="recorded")
    status = await desk.workshop.replay(desk.settler, desk.fake, where)
    assert (status.unchanged, status.differences) == (1, [])
    async with desk.workshop.database.read() as connection:
        assert await find_exceptions(connection, ["key"]) == {"key": []}


async def test_replaying_what_was_billed_by_another_delivery_finds_no_difference(
    desk: Desk,
) -> None:
    first, corrected = await desk.settle(
        bill("key", at=at(1), micros=10), bill("key", at=at(2), micros=2_500)
    )
    where = DeliveryFilter(state="recorded")
    for origin in (corrected, first, corrected):
        line = await desk.open_line("key")
        assert (await desk.rebill(line.id, origin=origin)).corrected == 1
        before = await desk.totals()
        status = await desk.workshop.replay(desk.settler, desk.fake, where)
        assert (status.unchanged, status.differences) == (2, [])
        assert await desk.totals() == before


async def test_what_is_billed_by_another_delivery_keeps_its_place_in_time(desk: Desk) -> None:
    """A reversal before the old charge changes nothing; one between the two leaves the later."""
    _, corrected = await desk.settle(bill("key", at=at(3)), bill("key", at=at(5), micros=20))
    await desk.rebill((await desk.open_line("key")).id, origin=corrected)
    await desk.settle(undo("key", at=at(2)))
    assert (await desk.open_line("key")).occurred_at == at(3)
    await desk.settle(undo("key", at=at(4)), undo("key", at=at(6)))
    assert await desk.workshop.open_micros() == {}


async def test_a_delivery_without_the_key_cannot_be_billed_from(desk: Desk) -> None:
    ids = await desk.settle(bill("key"), bill("other"))
    done = await desk.rebill(ids[0], origin=ids[1])
    assert done.refusals[0]["reason"] == "the mapping gives no charge of the key key now"


async def test_only_a_recorded_delivery_can_be_billed_from(desk: Desk) -> None:
    ids = await desk.settle(bill("key"), bill("key", needs="an account"))
    with pytest.raises(FilterInvalid, match="from names a delivery that is failed"):
        await find_origin(desk.workshop.database, ids[1])
    with pytest.raises(FilterInvalid, match="from names no delivery: 'unknown'"):
        await find_origin(desk.workshop.database, "unknown")
