"""Payments: Stripe, Shopify, Paddle, Square, Adyen, Braintree, GoCardless, Razorpay and others.

And what companies pay with: Airwallex, Wise, Modern Treasury, Brex, Ramp.
"""

from __future__ import annotations

from mappings.engine.payload import Format
from receiver.signatures.content import SignedContent
from receiver.signatures.custom.keys import PublicKeyScheme
from receiver.signatures.custom.payments import AdyenScheme, BraintreeChallenge, BraintreeScheme
from receiver.signatures.custom.places import SeveralHeaders
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import EMPTY, Ask, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200, Response
from receiver.signatures.scheme import Scheme

_DAY = 86_400
#: Accepted by each of Adyen's systems; newer ones take any 2xx.
#: https://www.adyen.com/knowledge-hub/webhooks-accept-2xx (2026-11)
_ACCEPTED = Response(200, b"[accepted]", "text/plain")

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
    # See custom.payments. Retries: https://docs.adyen.com/development-resources/webhooks/troubleshoot
    # (2026-11).
    AdyenScheme(
        name="adyen",
        vendor="Adyen (payments)",
        header="additionalData.hmacSignature",
        encoding="base64",
        key_encoding="hex",
        success=_ACCEPTED,
        retry_span_seconds=30 * _DAY,
        remarks="reason, eventDate, paymentMethod and additionalData are not signed",
    ),
    # As above for webhooks of the Balance Platform and of management: is_valid_hmac_payload of
    # Adyen's Python library (2026-11).
    HmacScheme(
        name="adyen-platform",
        vendor="Adyen (balance platform, management)",
        header="HmacSignature",
        encoding="base64",
        key_encoding="hex",
        success=_ACCEPTED,
        retry_span_seconds=30 * _DAY,
    ),
    # See custom.payments; https://developer.paypal.com/braintree/docs/guides/webhooks (2026-11).
    BraintreeScheme(
        name="braintree",
        vendor="Braintree",
        formats=(Format.FORM,),
        header="bt_signature",
        algorithm="sha1",
        handshakes=(
            Handshake(
                name="challenge",
                method="GET",
                asks=(Ask(Field("query", "bt_challenge")),),
                reply=BraintreeChallenge(),
                signed=False,
            ),
        ),
        remarks="secret: PUBLIC_KEY:PRIVATE_KEY; the payload is XML in base64, for a tool to read",
    ),
    # https://developer.gocardless.com/getting-started/staying-up-to-date-with-webhooks and
    # webhooks.py of GoCardless' Python library (2026-11).
    HmacScheme(
        name="gocardless",
        vendor="GoCardless",
        header="Webhook-Signature",
    ),
    # https://razorpay.com/docs/webhooks/validate-test and best-practices (2026-11).
    HmacScheme(
        name="razorpay",
        vendor="Razorpay",
        header="X-Razorpay-Signature",
        id_header="X-Razorpay-Event-Id",
        retry_span_seconds=_DAY,
    ),
    # https://docs.mollie.com/reference/webhooks-new and SignatureValidator.php of Mollie's PHP
    # library (2026-11).
    HmacScheme(
        name="mollie",
        vendor="Mollie (next-gen webhooks)",
        header="X-Mollie-Signature",
        prefix="sha256=",
        success=STATUS_200,
        remarks="classic webhooks (`id=tr_…`) are unsigned: use path-token, and fetch the payment",
    ),
    # https://docs.cdp.coinbase.com/commerce/api-arcitecture/webhooks-overview and Webhook.js of
    # Coinbase Commerce's library (2026-11).
    HmacScheme(
        name="coinbase-commerce",
        vendor="Coinbase Commerce",
        header="X-CC-Webhook-Signature",
        success=STATUS_200,
        retry_span_seconds=3 * _DAY,
    ),
    # https://www.checkout.com/docs/workflows (2026-11): eight retries, the last after 30 hours.
    HmacScheme(
        name="checkout-com",
        vendor="Checkout.com",
        header="Cko-Signature",
        retry_span_seconds=108_000,
    ),
    # https://www.airwallex.com/docs/developer-tools__listen-for-webhook-events (2026-11).
    HmacScheme(
        name="airwallex",
        vendor="Airwallex",
        header="x-signature",
        signed_content=SignedContent.parse("{timestamp}{body}"),
        timestamp_header="x-timestamp",
        timestamp_unit="milliseconds",
        success=STATUS_200,
    ),
    # github.com/transferwise/digital-signatures-examples and
    # https://docs.wise.com/guides/developer/webhooks/event-handling (2026-11).
    PublicKeyScheme(
        key_algorithm="rsa",
        name="wise",
        vendor="Wise",
        header="X-Signature-SHA256",
        encoding="base64",
        id_header="X-Delivery-Id",
        remarks="secret: Wise's public key in PEM, of the sandbox or of production",
    ),
    # https://paystack.com/docs/payments/webhooks/ (2026-11, and as public receivers take it). The
    # key is the secret key of the API.
    HmacScheme(
        name="paystack",
        vendor="Paystack",
        header="x-paystack-signature",
        algorithm="sha512",
        success=STATUS_200,
    ),
    # https://docs.moderntreasury.com/docs/verifying-webhooks and webhooks.py of its Python library
    # (2026-11).
    HmacScheme(
        name="modern-treasury",
        vendor="Modern Treasury",
        header="X-Signature",
    ),
    # https://developer.brex.com/docs/webhooks (2026-11): as Standard Webhooks; the secret is base64
    # without whsec_.
    HmacScheme(
        name="brex",
        vendor="Brex",
        header="Webhook-Signature",
        prefix="v1,",
        separator=" ",
        encoding="base64",
        key_encoding="whsec",
        signed_content=SignedContent.parse("{header:webhook-id}.{timestamp}.{body}"),
        timestamp_header="Webhook-Timestamp",
        id_header="Webhook-Id",
        remarks="secret: from GET /v1/webhooks/secrets; two while one is rotated",
    ),
    # https://docs.ramp.com/developer-api/v1/webhooks (2026-11, and an earlier text of it in
    # github.com/riker-t/ramp-dev-mcp data/developer-api/webhooks.mdx, where the header has its
    # other name): hexadecimal; 2xx within 10 s; up to 10 tries.
    SeveralHeaders(
        name="ramp",
        vendor="Ramp",
        header="X-Ramp-Signature",
        others=("X-Ramp-Webhook-Signature",),
        remarks="a new subscription waits for its challenge to be posted back to Ramp's API",
    ),
)
