"""The mapping files that come with the service, as they are, over their vendors' real requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import mappings
from tests.acceptance.conftest import PUBLIC_URL
from tests.support.service import Service
from tests.support.vendors import Post, github, helpdesk, hubspot, zendesk

pytestmark = pytest.mark.acceptance

EXAMPLES = Path(mappings.__file__).parent / "examples"
BATCH = Path(__file__).parents[1] / "payloads" / "hubspot-batch-of-100.json"


def _payload(path: Path, *, minutes_ago: int) -> bytes:
    """The captured payload as of a while ago: outcomes may not be older than some months."""
    moment = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    text = re.sub(r'"20\d\d-[0-9T:.-]+Z"', f'"{moment:%Y-%m-%dT%H:%M:%SZ}"', path.read_text())
    now_ms = int(moment.timestamp() * 1000)
    return re.sub(r'"occurredAt": \d+', f'"occurredAt": {now_ms}', text).encode()


def _by_hubspot(body: bytes) -> Post:
    return hubspot(body, url=f"{PUBLIC_URL}/webhooks/hubspot")


def _by_standard_webhooks(body: bytes) -> Post:
    return helpdesk(body, source="approvals")


VENDORS: dict[str, tuple[Callable[[bytes], Post], str, str, str]] = {
    "approvals": (_by_standard_webhooks, "granted", "withdrawn", "2.50 USD"),
    "github": (github, "approved", "dismissed", "5.00 EUR"),
    "zendesk": (zendesk, "solved", "reopened", "0.99 USD"),
}


def _amounts(delivery: dict[str, Any]) -> list[str]:
    return [f"{event['amount']} {event['currency']}" for event in delivery["billing_events"]]


@pytest.mark.parametrize("source", VENDORS)
def test_a_vendors_outcome_bills_and_its_reversal_takes_it_back(
    shipped: Service, source: str
) -> None:
    sign, bills, reverses, price = VENDORS[source]
    charged = shipped.settle(sign(_payload(EXAMPLES / f"{source}-{bills}.json", minutes_ago=2)))
    assert _amounts(charged) == [price]
    back = shipped.settle(sign(_payload(EXAMPLES / f"{source}-{reverses}.json", minutes_ago=1)))
    assert _amounts(back) == [f"-{price}"]
    assert back["billing_events"][0]["reverses"] == charged["billing_events"][0]["id"]


def test_a_hubspot_batch_of_100_bills_the_three_deals_won(shipped: Service) -> None:
    body = _payload(BATCH, minutes_ago=2)
    delivery = shipped.settle(_by_hubspot(body))
    assert delivery["state"] == "recorded"
    customers = sorted(event["customer_id"] for event in delivery["billing_events"])
    assert customers == ["acme-corp", "acme-corp", "globex"]
    again = shipped.settle(_by_hubspot(body + b" "))
    assert (again["state"], again["billing_events"]) == ("recorded", [])
    back = shipped.settle(_by_hubspot(_payload(EXAMPLES / "hubspot-reopened.json", minutes_ago=1)))
    assert len(_amounts(back)) == 1
    assert _amounts(back)[0].startswith("-")


def test_hubspot_under_another_url_than_the_public_one_is_not_verified(shipped: Service) -> None:
    body = _payload(EXAMPLES / "hubspot-won.json", minutes_ago=2)
    post = hubspot(body, url=f"{shipped.web.url}/webhooks/hubspot")
    assert shipped.post(post).status_code == 401


def test_an_example_is_sent_by_the_command_line_as_its_vendor_would(shipped: Service) -> None:
    payload = shipped.root / "solved.json"
    payload.write_bytes(_payload(EXAMPLES / "zendesk-solved.json", minutes_ago=3))
    sent = shipped.ask("send", "zendesk", str(payload))
    assert sent["status"] == 202
    assert shipped.settled(sent["answer"]["delivery"])["state"] == "recorded"
