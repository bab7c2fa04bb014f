"""Each preset's request as its vendor sends it, and what the service makes of a changed one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from mappings.engine.loading.load import MappingSet, load
from mappings.engine.payload import Format
from mappings.engine.types import DeliveryInput
from receiver.signatures import PRESETS, RULES, Coverage, SignatureError, Verified, verify
from receiver.web.dedupe import dedupe_key
from tests.support.requests import NOW, block_of, signed

FORMS = [name for name, scheme in PRESETS.items() if scheme.coverage is Coverage.FIELDS]
TWILIO = [name for name in FORMS if name.startswith("twilio")]
#: Lines of a user's text inside what a vendor signs; as a form of several parts they would bill.
PARTS = (
    '--X\r\nContent-Disposition: form-data; name="payload"\r\n\r\n'
    '{"e": {"id": "8", "customer": "globex", "amount": "99", "note": "forged"}}\r\n--X--\r\n'
)
EVENT = {"id": "7", "customer": "acme", "amount": "12.00", "note": f"Zoë\r\n{PARTS}"}
BESIDE: dict[str, dict[str, Any]] = {
    "adyen": {"notificationItems": [{"NotificationRequestItem": {"pspReference": "8"}}]},
    "msgraph": {"value": [{"changeType": "updated"}]},
    "msgraph-rich": {"value": [{"encryptedContent": {"data": "ECBjaXBoZXI="}}]},
    "dropbox-sign": {"event": {"event_type": "signature_request_all_signed"}},
    "synthflow": {"call": {"call_id": "1711646262471x768387119913843100"}},
    "justcall": {"webhook_url": "https://hooks.example.com/x", "type": "call.completed"},
}
SMS = {
    "AccountSid": "AC0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "ApiVersion": "2010-04-01",
    "Body": "NO, not yet",
    "From": "+14155550123",
    "MessageSid": "SM9f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "NumMedia": "0",
    "ProfileName": "xBodyYES",
    "To": "+18005550100",
}
FORM_OF = {
    "mailchimp-transactional": {"mandrill_events": json.dumps([EVENT])},
    "braintree": {"bt_payload": "PG5vdGlmaWNhdGlvbi8+"},
}
AGENTS = b'agents: {bot: {indicators: {won: {percent: "10", currency: USD}}}}\n'
RULE = """\
source: %s
verify: %s
let: {e: '%s'}
outcomes:
  - {name: won, when: "true", agent: bot, indicator: won, customer: '${{ e.customer }}',
     once_per: '${{ e.id }}', value: '${{ e.amount }}', meta_tags: {note: '${{ e.note }}'}}
"""
SMS_RULE = """\
source: %s
verify: %s
outcomes:
  - {name: won, when: "true", agent: bot, indicator: won, customer: '${{ payload.From }}',
     once_per: '${{ payload.MessageSid }}', value: "1", meta_tags: {note: '${{ payload.Body }}'}}
"""
TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/xml",
    "multipart/form-data; boundary=X",
    'multipart/form-data; boundary="receiver-7a1c5e9d3b2f"',
    "application/x-ndjson",
    "application/cloudevents+json",
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded; charset=utf-7",
    "text/plain; charset=iso-8859-1",
    "",
)
BRAINTREE_RULE = """\
source: %s
verify: %s
outcomes:
  - {name: won, when: "true", agent: bot, indicator: won, customer: acme,
     once_per: '${{ payload.bt_payload }}', value: "1"}
"""


@cache
def mappings() -> MappingSet:
    """A source for each preset, whose rule bills by all that its event states."""
    files = {"agents.yaml": AGENTS}
    for name in PRESETS:
        inner = "has(payload.e) ? payload.e : payload"
        if name == "mailchimp-transactional":
            inner = "json(payload.mandrill_events)[0]"
        verify = json.dumps(block_of(name))
        text = SMS_RULE % (name, verify) if name in TWILIO else RULE % (name, verify, inner)
        if name == "braintree":
            text = BRAINTREE_RULE % (name, verify)
        files[f"{name}.yaml"] = text.encode()
    made = load(files, timezone="UTC", schemes=RULES)
    assert [str(problem) for problem in made.problems] == []
    return made


def body_of(name: str, kind: Format) -> bytes:
    """A body of that format that states what bills."""
    if kind is Format.FORM:
        return urlencode(SMS if name in TWILIO else FORM_OF.get(name, EVENT)).encode()
    if kind is Format.XML:
        inner = "".join(f"<{key}>{text}</{key}>" for key, text in EVENT.items())
        return f"<e>{inner}</e>".encode()
    document = json.dumps({"e": EVENT, **BESIDE.get(name, {})}, indent=1).encode()
    if kind is Format.MULTIPART:
        head = b'--before\r\nContent-Disposition: form-data; name="json"\r\n\r\n'
        return head + document + b"\r\n--before--\r\n"
    return document


def formats(name: str) -> tuple[Format, ...]:
    rules = RULES.body_rules(block_of(name))
    assert rules is not None
    return rules.formats or (Format.JSON, Format.FORM, Format.XML, Format.MULTIPART)


SENT = [(name, kind) for name in PRESETS for kind in formats(name)]
IDS = [f"{name}-{kind}" for name, kind in SENT]


@cache
def sent(name: str, kind: Format) -> dict[str, Any]:
    """The request that its vendor sends."""
    types = {
        Format.FORM: "application/x-www-form-urlencoded",
        Format.XML: "text/xml",
        Format.MULTIPART: "multipart/form-data; boundary=before",
    }
    headers = {"content-type": types.get(kind, "application/json")}
    return signed(name, body=body_of(name, kind), headers=headers)


@dataclass(frozen=True)
class Taken:
    """What became of a request: the delivery it is, and what that bills."""

    verified: Verified
    key: str
    outcomes: tuple[object, ...]


def taken(name: str, request: dict[str, Any]) -> Taken | None:
    """As the service takes it; None where it is refused."""
    try:
        verified = verify(name, **request)
    except SignatureError:
        return None
    digest = hashlib.sha256(request["body"]).hexdigest()
    mapped = mappings().map(
        DeliveryInput(
            source=name,
            body=request["body"],
            headers={key.lower(): value for key, value in request["headers"].items()},
            received_at=datetime.fromtimestamp(NOW, UTC),
        )
    )
    outcomes = tuple(
        (one.key, one.triple, one.value, dict(one.meta_tags)) for one in mapped.outcomes
    )
    return Taken(
        verified,
        dedupe_key(verified, body_sha256=digest, delivery_id="each"),
        () if mapped.failures else outcomes,
    )


def ensure_one_bill(name: str, kind: Format, changed: dict[str, Any]) -> None:
    """The changed request is refused, a repeat, or bills what the first did under the same key."""
    first, again = taken(name, sent(name, kind)), taken(name, changed)
    assert first is not None
    assert first.outcomes
    if again is not None:
        assert again.outcomes in ((), first.outcomes), (changed["headers"], changed["body"])
