"""The demo: the shipped examples, signed as their vendors would, posted over real HTTP.

Owns what is posted and how long it is waited for. It knows the service from outside only: what
came of each delivery is asked of the API.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace

import httpx

from jobs.common.states import DeliveryState
from jobs.queries.deliveries.evidence import DeliveryEvidence
from jobs.queries.ledger.revenue import RevenuePage
from mappings.engine.loading.load import load, read_directory
from receiver.authoring.triggers.examples import Example, examples_of
from receiver.feed.feeds import ApiFeed, open_api
from receiver.local.demo_report import Posted, report
from receiver.local.errors import UpError
from receiver.local.service import LocalService
from receiver.signatures import RULES, scheme_of, signed_request
from receiver.terminal.output import Output

SETTLE_SECONDS = 30.0
POLL_SECONDS = 0.02
#: Vendors' delivery ids are derived from the example, so that a second run repeats the first.
NAMESPACE = uuid.UUID("6f0c3f0e-5d0a-5f8e-9d0c-3b8f6b1d2a47")


async def run_demo(service: LocalService, url: str, out: Output) -> None:
    """Post every example, one after another, and show what came of each.

    Raises UpError where the service does not answer or settle.
    """
    try:
        # No proxy from the environment: this is for this machine.
        token = str(service.settings.admin_token)
        async with open_api(url, token, trust_env=False) as client:
            posted = [await _post(client, service, example) for example in examples(service)]
            ledger = await client.get("/api/revenue", params={"by": "agent", "limit": 1000})
            ledger.raise_for_status()
    except httpx.HTTPError as error:
        raise UpError(f"{url} did not answer the demo: {type(error).__name__} {error}") from error
    report(out, service, posted, RevenuePage.model_validate_json(ledger.content).items)


def examples(service: LocalService) -> list[Example]:
    """The examples of every mapping file, each with a delivery id that stays the same."""
    files = read_directory(service.settings.mappings)
    found = load(files, timezone=service.settings.timezone_name, schemes=RULES)
    return [
        replace(example, delivery_id=example.delivery_id or _id_of(example))
        for example in examples_of(found, files)
    ]


def _id_of(example: Example) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{example.source.name}/{example.name}"))


async def _post(client: httpx.AsyncClient, service: LocalService, example: Example) -> Posted:
    path = f"/webhooks/{example.source.name}"
    headers = {"user-agent": "receiver-demo", **example.headers}
    request = signed_request(
        scheme_of(example.source.verify),
        secret=service.added[example.source.secrets[0]],
        method="POST",
        url=f"{service.settings.public_url}{path}",
        headers=headers,
        body=example.body,
        now=time.time(),
        delivery_id=example.delivery_id,
    )
    answer = await client.post(path, content=request.body, headers=request.headers)
    evidence = None
    if answer.is_success:
        evidence = await _settled(client, str(answer.json()["delivery"]))
    return Posted(
        source=example.source.name,
        example=example.name,
        status=answer.status_code,
        answer=str(answer.json().get("status") or answer.json().get("error")),
        evidence=evidence,
    )


async def _settled(client: httpx.AsyncClient, delivery: str) -> DeliveryEvidence:
    """What became of the delivery, once it is no longer `received`."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        evidence = await ApiFeed(client).delivery(delivery)
        if evidence is not None and evidence.state != DeliveryState.RECEIVED:
            return evidence
        await asyncio.sleep(POLL_SECONDS)
    raise UpError(f"delivery {delivery} has not settled within {SETTLE_SECONDS:g} s")
