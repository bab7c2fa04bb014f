"""Post a payload as its vendor would, signed, and print what the delivery billed.

A vendor gets the answer that its delivery is accepted; a user also wants to know what it billed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from jobs.common.states import DeliveryState
from jobs.filters import DeliveryFilter
from jobs.heartbeat import alive
from jobs.queries.deliveries.billed import in_words, read_billed
from jobs.queries.deliveries.listing import DeliveryItem, list_deliveries
from jobs.storage.database import Database
from mappings.engine.loading.load import Source
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.payloads import Payload
from receiver.cli.common.session import Session
from receiver.signatures import Request, SchemeInvalid, SignatureError, scheme_of, signed_request
from receiver.sources.listing import source_url
from receiver.sources.secret_problems import usable_secrets
from receiver.terminal.output import Output

TIMEOUT_SECONDS = 30.0
#: A delivery settles within milliseconds if a worker runs and the machine is not busy.
SETTLEMENT_SECONDS = 10.0
LOOK_SECONDS = 0.05
SHOWN_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Posted:
    """A request that was posted, its URL, and the response."""

    url: str
    request: Request
    response: httpx.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def is_success(self) -> bool:
        return self.response.is_success

    @property
    def text(self) -> str:
        return self.response.text[:SHOWN_CHARACTERS]

    @property
    def content(self) -> Any:
        """The JSON of the response, or its text."""
        try:
            return self.response.json()
        except ValueError:
            return self.response.text

    def again(self) -> Posted:
        """The same request, byte for byte, posted again."""
        response = _post(self.url, self.request.headers, self.request.body)
        return Posted(self.url, self.request, response)


def print_settlement(session: Session, out: Output, posted: Posted) -> None:
    """Print what the delivery billed; nothing if it is not in this installation's database."""
    content = posted.content
    delivery = content.get("delivery") if isinstance(content, dict) else None
    if posted.is_success and isinstance(delivery, str):
        text = _settlement_text(session, delivery)
        if text is not None:
            out.line(text)


def _settlement_text(session: Session, delivery_id: str) -> str | None:
    """State and what was billed; None if the delivery is not in this installation's database."""
    until = time.monotonic() + SETTLEMENT_SECONDS
    while True:
        seen = session.run_if_made(lambda database: _look(database, delivery_id), otherwise=None)
        if seen is None:
            return None
        item, billed, is_awaited = seen
        if item.state != DeliveryState.RECEIVED:
            reason = f": {item.reason}" if item.reason else ""
            return f"{item.state}{reason}, billed: {billed}"
        if not is_awaited:
            return "received; nothing is billed until a worker runs (`receiver work`)"
        if time.monotonic() > until:
            return f"received; see `receiver show {delivery_id}` for the outcome"
        time.sleep(LOOK_SECONDS)


async def _look(database: Database, delivery_id: str) -> tuple[DeliveryItem, str, bool] | None:
    """The delivery, what it billed, and whether a worker is alive."""
    page = await list_deliveries(database, DeliveryFilter(ids=(delivery_id,)))
    if not page.items:
        return None
    (item,) = page.items
    billed = (await read_billed(database, [delivery_id]))[delivery_id]
    worker = await alive(database, role="work")
    return item, in_words(billed, state=item.state, reason=item.reason), bool(worker)


def post_as_vendor(
    session: Session, source: Source, payload: Payload, url: str | None, *, tamper: bool = False
) -> Posted:
    """Post the payload, signed, to `url` or this service; `tamper` changes the body after that."""
    signed_url = url or source_url(session.settings, source.name)
    request = _vendor_request(session, source, payload, signed_url)
    body = _tampered(request.body) if tamper else request.body
    # Some vendors sign in the URL: what they add there is added to the target too.
    target = url or f"{session.settings.local_url}/webhooks/{source.name}"
    target += request.url.removeprefix(signed_url)
    return Posted(target, replace(request, body=body), _post(target, request.headers, body))


def _vendor_request(session: Session, source: Source, payload: Payload, url: str) -> Request:
    """The request that the vendor would send."""
    names = usable_secrets(source, datetime.now(UTC))
    secret = next(filter(None, map(session.secrets.get, names)), None)
    if secret is None:
        wanted = " or ".join(names or source.secrets)
        raise CommandError(
            f"source {source.name} has no secret to sign with; set {wanted}, or"
            " start `receiver up` again: it makes a throw-away one"
        )
    try:
        return signed_request(
            scheme_of(source.verify),
            secret=secret,
            method="POST",
            url=url,
            headers=payload.headers,
            body=payload.body,
            now=time.time(),
            delivery_id=payload.delivery_id,
        )
    except (SignatureError, SchemeInvalid) as error:
        raise CommandError(f"it cannot be signed as {source.verify['scheme']}: {error}") from error


def _tampered(body: bytes) -> bytes:
    """Another body of the same length, which only the signature can detect."""
    return body[:-1] + bytes([body[-1] ^ 1]) if body else b"x"


def _post(url: str, headers: Mapping[str, str], body: bytes) -> httpx.Response:
    if urlsplit(url).scheme not in ("http", "https"):
        raise CommandError(f"--url is {url!r}; write http://HOST/PATH", code=MISUSE)
    try:
        # No proxy from the environment: a request to this machine must arrive on it.
        with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
            return client.post(url, content=body, headers=headers)
    except httpx.InvalidURL as error:
        raise CommandError(f"--url is {url!r}: {error}", code=MISUSE) from error
    except httpx.ConnectError as error:
        message = f"nothing answers at {url}; is `receiver up` or `receiver serve` running?"
        raise CommandError(message) from error
    except httpx.HTTPError as error:
        raise CommandError(f"{url}: {str(error) or type(error).__name__}") from error
