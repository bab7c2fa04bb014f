"""Billing and shops: Chargebee, Recurly, Maxio, Orb, Polar, QuickBooks, WooCommerce and others."""

from __future__ import annotations

from mappings.engine.payload import Format
from receiver.signatures.content import SignedContent
from receiver.signatures.custom.places import OrderedItems
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import EMPTY, Ask, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.presets.standard import standard_webhooks
from receiver.signatures.records import STATUS_200
from receiver.signatures.scheme import Scheme
from receiver.signatures.tokens import BasicScheme

_DAY = 86_400

SCHEMES: tuple[Scheme, ...] = (
    # https://www.chargebee.com/docs/webhook_settings.html (2026-11): signs nothing, shows the user
    # and password of its settings. 200 is asked for; tries again for about 3 days.
    BasicScheme(
        name="chargebee",
        vendor="Chargebee",
        success=STATUS_200,
        retry_span_seconds=3 * _DAY,
        remarks="unsigned; user and password of the webhook's own settings",
    ),
    # https://docs.recurly.com/recurly-subscriptions/docs/webhooks and webhooks.rb of Recurly's Ruby
    # library (2026-11): `recurly-signature: TIME,SIGNATURE,…`, milliseconds, 5 minutes by default;
    # one signature for each active key. Ten retries, the last after some 73 hours.
    OrderedItems(
        name="recurly",
        vendor="Recurly",
        header="recurly-signature",
        separator=",",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
        timestamp_unit="milliseconds",
        retry_span_seconds=262_308,
        remarks="for endpoints that post JSON; older ones post XML and sign nothing: use basic",
    ),
    # https://developers.maxio.com (Advanced Billing, once Chargify; 2026-11) and public verifiers:
    # the hexadecimal one of two headers; the older X-Chargify-Webhook-Signature is MD5.
    HmacScheme(
        name="maxio",
        vendor="Maxio (Chargify)",
        formats=(Format.FORM, Format.JSON),
        header="X-Chargify-Webhook-Signature-Hmac-Sha-256",
        id_header="X-Chargify-Webhook-Id",
        remarks="secret: the site's shared key; its form has names such as payload[site][id]",
    ),
    # https://docs.withorb.com/webhooks/signature-verification and webhooks.py of Orb's Python
    # library (2026-11): the time may lack its offset, and is UTC then.
    HmacScheme(
        name="orb",
        vendor="Orb",
        header="X-Orb-Signature",
        prefix="v1=",
        separator=" ",
        signed_content=SignedContent.parse("v1:{timestamp}:{body}"),
        timestamp_header="X-Orb-Timestamp",
        timestamp_unit="iso8601-utc",
    ),
    # https://docs.polar.sh/integrate/webhooks/delivery (2026-11): Standard Webhooks, but the key is
    # the text of the secret, whatever its first characters are.
    standard_webhooks(
        "polar",
        "Polar",
        key_encoding="utf8",
        remarks="Standard Webhooks with the secret's text as the key",
    ),
    # https://docs.lemonsqueezy.com/help/webhooks/signing-requests and VerifyWebhookSignature.php of
    # its Laravel library (2026-11).
    HmacScheme(
        name="lemon-squeezy",
        vendor="Lemon Squeezy",
        header="X-Signature",
        success=STATUS_200,
    ),
    # https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks (2026-11) and public
    # verifiers. The key is the app's verifier token.
    HmacScheme(
        name="quickbooks",
        vendor="QuickBooks Online",
        header="intuit-signature",
        encoding="base64",
        success=STATUS_200,
        remarks="names of what changed, no amounts: a tool must fetch the invoice",
    ),
    # class-wc-webhook.php of WooCommerce 11 (2026-11). A webhook is saved as active only where its
    # ping, an unsigned form, is answered 200. Never sent again; off after 5 failures in a row.
    HmacScheme(
        name="woocommerce",
        vendor="WooCommerce",
        header="X-WC-Webhook-Signature",
        encoding="base64",
        id_header="X-WC-Webhook-Delivery-ID",
        retry_span_seconds=0,
        handshakes=(
            Handshake(
                name="ping",
                asks=(
                    Ask(Field("form", "webhook_id")),
                    Ask(Field("header", "X-WC-Webhook-Signature"), absent=True),
                ),
                signed=False,
            ),
        ),
        remarks="topic and shop are in headers that are not signed",
    ),
    # https://developer.bigcommerce.com/docs/integrations/webhooks (github.com/bigcommerce/docs,
    # 2026-11): Standard Webhooks, but the key is the text of the app's client secret. 200 without
    # a body is asked for; tries again for 48 hours.
    standard_webhooks(
        "bigcommerce",
        "BigCommerce",
        key_encoding="utf8",
        success=EMPTY,
        retry_span_seconds=172_800,
        remarks="secret: the app's client secret; the body names what changed, without its amounts",
    ),
)
