"""Requests as vendors send them, signed by code of the tests' own.

Not by `receiver.signatures`: what signs and what verifies must not share a mistake.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

SECRETS = {
    "TICKETS_SECRET": "whsec_" + base64.b64encode(b"t" * 32).decode(),
    "ROTATING_NEW_SECRET": "whsec_" + base64.b64encode(b"n" * 32).decode(),
    "ROTATING_OLD_SECRET": "whsec_" + base64.b64encode(b"o" * 32).decode(),
    "REKEYED_SECRET": "whsec_" + base64.b64encode(b"r" * 32).decode(),
    "SLOW_SECRET": "whsec_" + base64.b64encode(b"s" * 32).decode(),
    "APPROVALS_SECRET": "whsec_" + base64.b64encode(b"a" * 32).decode(),
    "GITHUB_SECRET": "github's secret",
    "HUBSPOT_SECRET": "8a6f1d2c-hubspot's-client-secret",
    "ZENDESK_SECRET": "emVuZGVzaydzIHNlY3JldA==",
    "CRM_SECRET": "a secret as plain text",
}
NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One signed request."""

    source: str
    body: bytes
    headers: dict[str, str]

    @property
    def path(self) -> str:
        return f"/webhooks/{self.source}"

    def without(self, header: str) -> Post:
        return replace(self, headers={k: v for k, v in self.headers.items() if k != header})

    def with_headers(self, **headers: str) -> Post:
        """`content_encoding` stands for `content-encoding`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})

    def with_body(self, body: bytes) -> Post:
        """Another body under the same signature."""
        return replace(self, body=body)


def as_bytes(payload: Any) -> bytes:
    """Bytes are sent as they are, anything else as JSON."""
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()


def helpdesk(
    payload: Any,
    *,
    source: str = "tickets",
    secret: str | None = None,
    message_id: str | None = None,
    at: float | None = None,
) -> Post:
    """By Standard Webhooks; the id is signed. `at` is the time of signing, now unless given."""
    key = secret or SECRETS[f"{source.upper()}_SECRET"]
    body = as_bytes(payload)
    message_id = message_id or f"msg_{uuid.uuid4().hex}"
    sent_at = str(int(time.time() if at is None else at))
    content = f"{message_id}.{sent_at}.".encode() + body
    digest = hmac.digest(base64.b64decode(key.removeprefix("whsec_")), content, hashlib.sha256)
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": sent_at,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
    return Post(source=source, body=body, headers=headers)


def crm(events: Any, *, delivery_id: str | None = None, at: float | None = None) -> Post:
    """As the mapping file of the tests' CRM states; the id is not signed."""
    body = as_bytes(events)
    sent_at = str(int(time.time() if at is None else at))
    content = sent_at.encode() + b"." + body
    digest = hmac.digest(SECRETS["CRM_SECRET"].encode(), content, hashlib.sha256)
    headers = {
        "content-type": "application/json",
        "x-crm-timestamp": sent_at,
        "x-crm-signature": f"sha256={digest.hex()}",
        "x-crm-delivery": delivery_id or uuid.uuid4().hex,
    }
    return Post(source="crm", body=body, headers=headers)


def github(payload: Any) -> Post:
    """As GitHub: over the body alone."""
    body = as_bytes(payload)
    digest = hmac.digest(SECRETS["GITHUB_SECRET"].encode(), body, hashlib.sha256)
    headers = {
        "content-type": "application/json",
        "x-github-delivery": str(uuid.uuid4()),
        "x-github-event": "pull_request_review",
        "x-hub-signature-256": f"sha256={digest.hex()}",
    }
    return Post(source="github", body=body, headers=headers)


def hubspot(payload: Any, *, url: str) -> Post:
    """As HubSpot (v3): over method, URL, body and milliseconds. There is no delivery id."""
    body = as_bytes(payload)
    sent_at = str(int(time.time() * 1000))
    content = f"POST{url}".encode() + body + sent_at.encode()
    digest = hmac.digest(SECRETS["HUBSPOT_SECRET"].encode(), content, hashlib.sha256)
    headers = {
        "content-type": "application/json",
        "x-hubspot-request-timestamp": sent_at,
        "x-hubspot-signature-v3": base64.b64encode(digest).decode(),
    }
    return Post(source="hubspot", body=body, headers=headers)


def zendesk(payload: Any) -> Post:
    """As Zendesk: the key is the secret's text, though it looks like base64."""
    body = as_bytes(payload)
    sent_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    key = SECRETS["ZENDESK_SECRET"].encode()
    digest = hmac.digest(key, sent_at.encode() + body, hashlib.sha256)
    headers = {
        "content-type": "application/json",
        "x-zendesk-webhook-invocation-id": uuid.uuid4().hex,
        "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
        "x-zendesk-webhook-signature-timestamp": sent_at,
    }
    return Post(source="zendesk", body=body, headers=headers)


def solved(customer: str, **more: Any) -> dict[str, Any]:
    """An event of the help desk that bills, about a ticket of its own unless one is named."""
    return {
        "type": "ticket.resolved",
        "ticket": f"{customer}-{next(NUMBERS)}",
        "customer": customer,
        "agent": "support-agent",
        **more,
    }


def won(customer: str, **more: Any) -> dict[str, Any]:
    """An event of the CRM that bills, about a deal of its own unless one is named."""
    return {
        "kind": "deal",
        "stage": "won",
        "deal": next(NUMBERS),
        "customer": customer,
        "at": int(time.time() * 1000),
        **more,
    }


def slow_to_map(customer: str) -> Post:
    """One outcome among many events; mapping it takes a worker some seconds."""
    busy = {"numbers": list(range(50)), "bills": False, "customer": customer}
    events = [busy | {"bills": True}, *[busy] * 1500]
    return helpdesk(events, source="slow")
