"""Support desks: Zendesk, Intercom, Front."""

from __future__ import annotations

from mappings.engine.payload import Format
from receiver.signatures.content import SignedContent
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import EMPTY, Ask, Echo, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.scheme import Scheme

SCHEMES: tuple[Scheme, ...] = (
    # https://developer.zendesk.com/documentation/webhooks/verifying/ (2026-08). Zendesk names no
    # window; 300 s is ours. The key looks like base64 and is used as the text it is.
    HmacScheme(
        name="zendesk",
        formats=(Format.JSON, Format.XML, Format.FORM),
        vendor="Zendesk",
        header="X-Zendesk-Webhook-Signature",
        encoding="base64",
        signed_content=SignedContent.parse("{timestamp}{body}"),
        timestamp_header="X-Zendesk-Webhook-Signature-Timestamp",
        timestamp_unit="iso8601",
        id_header="X-Zendesk-Webhook-Invocation-Id",
        remarks="a trigger's body is what the admin wrote",
    ),
    # https://developers.intercom.com/docs/webhooks/setting-up-webhooks (2026-08). The key is the
    # app's client secret.
    HmacScheme(
        name="intercom",
        vendor="Intercom",
        header="X-Hub-Signature",
        prefix="sha1=",
        algorithm="sha1",
        greeting=EMPTY,
        retry_span_seconds=60,
        handshakes=(Handshake(name="ping", asks=(Ask(Field("body", "topic"), "ping"),)),),
    ),
    # https://dev.frontapp.com/docs/webhooks-1 (2026-08). The page does not name the unit of the
    # time; implementers see milliseconds.
    HmacScheme(
        name="front-app",
        vendor="Front (apps)",
        header="X-Front-Signature",
        encoding="base64",
        signed_content=SignedContent.parse("{timestamp}:{body}"),
        timestamp_header="X-Front-Request-Timestamp",
        timestamp_unit="seconds-or-milliseconds",
        handshakes=(
            Handshake(
                name="challenge",
                asks=(Ask(Field("header", "X-Front-Challenge")),),
                reply=Echo(Field("header", "X-Front-Challenge")),
            ),
        ),
    ),
    # As above, the older webhooks of rules: the key is the company's API secret.
    HmacScheme(
        name="front-rule",
        vendor="Front (rules)",
        header="X-Front-Signature",
        algorithm="sha1",
        encoding="base64",
    ),
)
