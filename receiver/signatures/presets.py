"""The vendors, as data: what each puts where, with a dated source for it.

Owns no behaviour. A vendor that signs by HMAC is one entry here and its vectors in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from receiver.signatures.content import SignedContent
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.scheme import Scheme

_ALL: tuple[Scheme, ...] = (
    # https://github.com/standard-webhooks/standard-webhooks (spec, 2026-08). Signatures of other
    # versions (v1a is ed25519) stand in the same header and are passed over.
    HmacScheme(
        name="standard-webhooks",
        header="webhook-signature",
        prefix="v1,",
        separator=" ",
        algorithm="sha256",
        encoding="base64",
        key_encoding="whsec",
        signed_content=SignedContent.parse("{header:webhook-id}.{timestamp}.{body}"),
        timestamp_header="webhook-timestamp",
        timestamp_unit="seconds",
        id_header="webhook-id",
    ),
    # https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
    # (2026-08). v1 headers ride along and are never looked at. The key is the app's client
    # secret. There is no delivery id: eventId in the body is not guaranteed to be unique.
    HmacScheme(
        name="hubspot-v3",
        header="X-HubSpot-Signature-v3",
        algorithm="sha256",
        encoding="base64",
        signed_content=SignedContent.parse("{method}{url}{body}{timestamp}"),
        url_transform="hubspot",
        timestamp_header="X-HubSpot-Request-Timestamp",
        timestamp_unit="milliseconds",
    ),
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries (2026-08).
    # X-Hub-Signature (SHA-1) rides along and is never taken instead.
    HmacScheme(
        name="github",
        header="X-Hub-Signature-256",
        prefix="sha256=",
        algorithm="sha256",
        encoding="hex",
        signed_content=SignedContent.parse("{body}"),
        id_header="X-GitHub-Delivery",
    ),
    # https://developer.zendesk.com/documentation/webhooks/verifying/ (2026-08). Zendesk names no
    # window; 300 s is ours. The key looks like base64 and is used as the text it is.
    HmacScheme(
        name="zendesk",
        header="X-Zendesk-Webhook-Signature",
        algorithm="sha256",
        encoding="base64",
        signed_content=SignedContent.parse("{timestamp}{body}"),
        timestamp_header="X-Zendesk-Webhook-Signature-Timestamp",
        timestamp_unit="iso8601",
        id_header="X-Zendesk-Webhook-Invocation-Id",
    ),
)

PRESETS: Mapping[str, Scheme] = MappingProxyType({scheme.name: scheme for scheme in _ALL})
