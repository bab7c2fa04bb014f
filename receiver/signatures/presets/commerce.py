"""Shops: WooCommerce, BigCommerce."""

from __future__ import annotations

from receiver.signatures.content import SignedContent
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import EMPTY, Ask, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.scheme import Scheme

SCHEMES: tuple[Scheme, ...] = (
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
    HmacScheme(
        name="bigcommerce",
        vendor="BigCommerce",
        header="webhook-signature",
        prefix="v1,",
        separator=" ",
        encoding="base64",
        signed_content=SignedContent.parse("{header:webhook-id}.{timestamp}.{body}"),
        timestamp_header="webhook-timestamp",
        id_header="webhook-id",
        success=EMPTY,
        retry_span_seconds=172_800,
        remarks="secret: the app's client secret; the body names what changed, without its amounts",
    ),
)
