"""The demo: the shipped examples, signed as their vendors would, posted over real HTTP.

Owns what is posted and how long it is waited for. It knows the service from outside only: what
came of each delivery is asked of the API.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import httpx

from jobs.queries.shapes import DeliveryEvidence, RevenuePage
from mappings.engine.load import Source, load, read_directory
from mappings.engine.reading import yamlfile
from mappings.engine.rules.examplefiles import body_of
from mappings.engine.rules.model import ExampleModel, MappingModel
from receiver.cli.output import Output
from receiver.signatures import RULES, scheme_of, sign
from receiver.up.demo_report import Posted, report
from receiver.up.errors import DemoFailedError
from receiver.up.place import Place

SETTLE_SECONDS = 30.0
POLL_SECONDS = 0.02
HTTP_SECONDS = 10.0
#: Vendors' delivery ids are derived from the example, so that a second run repeats the first.
NAMESPACE = uuid.UUID("6f0c3f0e-5d0a-5f8e-9d0c-3b8f6b1d2a47")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One payload to post."""

    source: Source
    name: str
    body: bytes
    headers: dict[str, str]
    delivery_id: str


async def run_demo(place: Place, url: str, out: Output) -> None:
    """Post every example, one after another, and show what came of each.

    Raises DemoFailedError where the service does not answer or settle.
    """
    headers = {"authorization": f"Bearer {place.settings.admin_token}"}
    try:
        # No proxy from the environment: this is for this machine.
        async with httpx.AsyncClient(
            base_url=url, headers=headers, timeout=HTTP_SECONDS, trust_env=False
        ) as client:
            posted = [await _post(client, place, one) for one in examples_of(place)]
            ledger = await client.get("/api/revenue", params={"by": "agent", "limit": 1000})
            ledger.raise_for_status()
    except httpx.HTTPError as error:
        raise DemoFailedError(
            f"{url} did not answer the demo: {type(error).__name__} {error}"
        ) from error
    report(out, place, posted, RevenuePage.model_validate_json(ledger.content).items)


def examples_of(place: Place) -> Iterator[Example]:
    """The examples of every mapping file, in the order of the file."""
    files = read_directory(place.settings.mappings)
    found = load(files, timezone=place.settings.timezone_name, schemes=RULES)
    for file in sorted({source.file for source in found.sources.values()}):
        model = MappingModel.model_validate(yamlfile.parse(files[file], file=file).data)
        sources = [source for source in found.sources.values() if source.file == file]
        for number, example in enumerate(model.examples, start=1):
            body = body_of(example, files)
            source = next(one for one in sources if example.source in (None, one.name))
            if body is not None:
                yield _example(source, number, example, body)


def _example(source: Source, number: int, example: ExampleModel, body: bytes) -> Example:
    is_file = isinstance(example.payload, str)
    name = PurePosixPath(str(example.payload)).stem if is_file else f"example {number}"
    named = {name.lower(): value for name, value in example.headers.items()}
    return Example(
        source=source,
        name=name,
        body=body,
        headers={"content-type": "application/json", "user-agent": "receiver-demo", **named},
        delivery_id=example.delivery_id or str(uuid.uuid5(NAMESPACE, f"{source.name}/{name}")),
    )


async def _post(client: httpx.AsyncClient, place: Place, example: Example) -> Posted:
    path = f"/webhooks/{example.source.name}"
    signature = sign(
        scheme_of(example.source.verify),
        secret=place.added[example.source.secrets[0]],
        method="POST",
        url=f"{place.settings.public_url}{path}",
        headers=example.headers,
        body=example.body,
        now=time.time(),
        delivery_id=example.delivery_id,
    )
    answer = await client.post(path, content=example.body, headers={**example.headers, **signature})
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
        answer = await client.get(f"/api/deliveries/{delivery}")
        answer.raise_for_status()
        evidence = DeliveryEvidence.model_validate_json(answer.content)
        if evidence.state != "received":
            return evidence
        await asyncio.sleep(POLL_SECONDS)
    raise DemoFailedError(f"delivery {delivery} has not settled within {SETTLE_SECONDS:g} s")
