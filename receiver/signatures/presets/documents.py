"""Documents and files: DocuSign, PandaDoc, Dropbox Sign, Ironclad, DocuSeal, Box, Dropbox."""

from __future__ import annotations

from mappings.engine.payload import Format
from receiver.signatures.content import SignedContent
from receiver.signatures.custom.keys import IroncladScheme
from receiver.signatures.custom.members import SignedMembers
from receiver.signatures.custom.places import (
    NumberedHeaders,
    OrderedItems,
    QuerySignature,
    SeveralHeaders,
)
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import Ask, Echo, Fixed, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200, Response
from receiver.signatures.scheme import Scheme
from receiver.signatures.tokens import TokenScheme

_HELLO = Response(200, b"Hello API Event Received", "text/plain")
_ADOBE_ID = Field("header", "X-AdobeSign-ClientId")
_ADOBE_ECHO = Echo(
    _ADOBE_ID,
    content_type="application/json",
    member="xAdobeSignClientId",
    header="X-AdobeSign-ClientId",
)
_DROPBOX_CHALLENGE = Field("query", "challenge")

SCHEMES: tuple[Scheme, ...] = (
    # See custom.places, for both. DocuSign's key looks like base64 and is used as the text it is.
    NumberedHeaders(
        name="docusign",
        formats=(Format.JSON, Format.XML),
        vendor="DocuSign",
        header="X-DocuSign-Signature",
        encoding="base64",
        success=STATUS_200,
        remarks="one numbered header for each key",
    ),
    QuerySignature(
        name="pandadoc",
        vendor="PandaDoc",
        header="signature",
        remarks="proxies log the signature with the URL",
    ),
    # https://developers.hellosign.com/docs/events/walkthrough/ (2026-08). The key is the API key.
    # https://developers.hellosign.com/api/manual-reference-pages/glossary/callbacks-events
    # (2026-11): exactly that body, and retries for about three days. The time is the event's.
    SignedMembers(
        name="dropbox-sign",
        formats=(Format.MULTIPART, Format.JSON),
        vendor="Dropbox Sign",
        header="event.event_hash",
        signature_path="event.event_hash",
        signed_paths=("event.event_time", "event.event_type"),
        time_path="event.event_time",
        retry_span_seconds=259_200,
        retries_keep_time=True,
        success=_HELLO,
        handshakes=(
            Handshake(
                name="callback-test",
                asks=(Ask(Field("body", "event.event_type"), "callback_test"),),
                reply=Fixed(_HELLO),
            ),
        ),
        remarks="only time and kind are signed: fetch the signature request before billing",
    ),
    # See custom.keys.
    IroncladScheme(
        key_algorithm="rsa",
        name="ironclad",
        vendor="Ironclad",
        header="X-Ironclad-Webhook-Verification",
        encoding="base64",
        signed_content=SignedContent.parse("{header:X-Ironclad-Webhook-Event-Id}{body}"),
        id_header="X-Ironclad-Webhook-Event-Id",
        remarks="secret: the public key in PEM (RSA)",
    ),
    # https://opensource.adobe.com/acrobat-sign/developer_guide/webhookapis.html (2026-08). The
    # client id is no secret, and must be repeated in every answer.
    TokenScheme(
        name="adobe-sign",
        vendor="Adobe Acrobat Sign",
        header="X-AdobeSign-ClientId",
        echo=_ADOBE_ECHO,
        retry_span_seconds=259_200,
        handshakes=(
            Handshake(
                name="client-id",
                method="GET",
                asks=(Ask(_ADOBE_ID),),
                reply=_ADOBE_ECHO,
                signed=False,
                gate=_ADOBE_ID,
            ),
        ),
        remarks="a client id is hardly secret: prefer a path-token in front",
    ),
    # lib/webhook_urls/signatures.rb and send_form_completed_webhook_request_job.rb of DocuSeal
    # (github.com/docusealco/docuseal, 2026-11): signed at each try, up to 13 of them, 1 minute to
    # 68 hours apart. The key is the text, with whsec_.
    OrderedItems(
        name="docuseal",
        vendor="DocuSeal",
        header="X-Docuseal-Signature",
        separator=".",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
        retry_span_seconds=491_460,
    ),
    # https://docs.documenso.com/developers/webhooks/verification (2026-11).
    TokenScheme(
        name="documenso",
        vendor="Documenso",
        header="X-Documenso-Secret",
    ),
    # https://developer.box.com/guides/webhooks/v2/signatures-v2 and webhooks.py of Box's Python
    # library (2026-11): a signature for each of two keys, one of which may be absent. The library
    # takes a request for 10 minutes; ahead of our clock 300 s are ours.
    SeveralHeaders(
        name="box",
        vendor="Box",
        header="BOX-SIGNATURE-PRIMARY",
        others=("BOX-SIGNATURE-SECONDARY",),
        encoding="base64",
        signed_content=SignedContent.parse("{body}{timestamp}"),
        timestamp_header="BOX-DELIVERY-TIMESTAMP",
        timestamp_unit="iso8601",
        vendor_window_seconds=10 * 60,
        id_header="BOX-DELIVERY-ID",
    ),
    # https://www.dropbox.com/developers/reference/webhooks (2026-11). The key is the app's secret;
    # the URL is tried with a challenge first.
    HmacScheme(
        name="dropbox",
        vendor="Dropbox",
        header="X-Dropbox-Signature",
        handshakes=(
            Handshake(
                name="challenge",
                method="GET",
                asks=(Ask(_DROPBOX_CHALLENGE),),
                reply=Echo(_DROPBOX_CHALLENGE),
                signed=False,
            ),
        ),
        remarks="ids of accounts whose files changed, and nothing else",
    ),
)
