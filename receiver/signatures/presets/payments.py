"""Payments and shops: Stripe, Shopify, Paddle, Square, Xero."""

from __future__ import annotations

from mappings.engine.payload import Format
from receiver.signatures.content import SignedContent
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import EMPTY, Ask, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200, Response
from receiver.signatures.scheme import Scheme

SCHEMES: tuple[Scheme, ...] = (
    # https://docs.stripe.com/webhooks#verify-manually (2026-08). whsec_ is part of the key, which
    # is text; v0 is for tests of Stripe's own and is passed over.
    HmacScheme(
        name="stripe",
        vendor="Stripe",
        header="Stripe-Signature",
        prefix="v1=",
        separator=",",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
        timestamp_element="t",
        retry_span_seconds=259_200,
        retries_keep_time=False,
    ),
    # https://shopify.dev/docs/apps/build/webhooks/subscribe/https (2026-08). The id is of this
    # webhook and the same over its retries; X-Shopify-Event-Id is shared by several topics.
    HmacScheme(
        name="shopify",
        formats=(Format.JSON, Format.XML),
        vendor="Shopify",
        header="X-Shopify-Hmac-Sha256",
        encoding="base64",
        id_header="X-Shopify-Webhook-Id",
        success=STATUS_200,
        retry_span_seconds=14_400,
    ),
    # As above for the newer events, whose headers lack the X- (2026-08).
    HmacScheme(
        name="shopify-events",
        vendor="Shopify (events)",
        header="shopify-hmac-sha256",
        encoding="base64",
        id_header="shopify-webhook-id",
        success=STATUS_200,
    ),
    # https://developer.paddle.com/webhooks/signature-verification (2026-08). Five seconds are
    # Paddle's own advice and its SDKs' default.
    HmacScheme(
        name="paddle",
        vendor="Paddle",
        header="Paddle-Signature",
        prefix="h1=",
        separator=";",
        signed_content=SignedContent.parse("{timestamp}:{body}"),
        timestamp_element="ts",
        tolerance_seconds=5,
        success=STATUS_200,
        retry_span_seconds=259_200,
        remarks="5 s need a clock in step; tolerance_seconds widens them",
    ),
    # https://developer.squareup.com/docs/webhooks/step3validate (2026-08)
    HmacScheme(
        name="square",
        vendor="Square",
        header="x-square-hmacsha256-signature",
        encoding="base64",
        signed_content=SignedContent.parse("{url}{body}"),
        retry_span_seconds=86_400,
    ),
    # https://developer.xero.com/documentation/guides/webhooks/configuring-your-server/ (2026-08).
    # The key looks like base64 and is used as the text it is.
    HmacScheme(
        name="xero",
        vendor="Xero",
        header="x-xero-signature",
        encoding="base64",
        success=EMPTY,
        failure=Response(401),
        retry_span_seconds=86_400,
        handshakes=(
            # Its own "intent to receive" has no events; what has none bills nothing.
            Handshake(
                name="intent-to-receive",
                asks=(
                    Ask(Field("body", "firstEventSequence"), "0"),
                    Ask(Field("body", "lastEventSequence"), "0"),
                ),
            ),
        ),
    ),
)
