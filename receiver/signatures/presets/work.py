"""Work and approvals: Trello, Wrike, Smartsheet, Todoist, DocuSeal, Box, Dropbox and others."""

from __future__ import annotations

from receiver.signatures.content import SignedContent
from receiver.signatures.custom.encodings import AnyEncoding
from receiver.signatures.custom.places import OrderedItems, SeveralHeaders
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import Ask, Digest, Echo, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200
from receiver.signatures.scheme import Scheme
from receiver.signatures.tokens import TokenScheme

_WRIKE_TOKEN = Field("header", "X-Hook-Secret")
_DROPBOX_CHALLENGE = Field("query", "challenge")
_SMARTSHEET_CHALLENGE = Field("header", "Smartsheet-Hook-Challenge")

SCHEMES: tuple[Scheme, ...] = (
    # https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks (2026-11): the callback
    # URL as it was given, behind the body. A HEAD request must be answered 200 first.
    HmacScheme(
        name="trello",
        vendor="Trello",
        header="X-Trello-Webhook",
        algorithm="sha1",
        encoding="base64",
        signed_content=SignedContent.parse("{body}{url}"),
        success=STATUS_200,
        remarks="secret: the OAuth secret of the app that made the webhook",
    ),
    # https://developers.wrike.com/docs/webhooks.md and public implementers (2026-11): events carry
    # the signature in X-Hook-Signature, older ones in X-Hook-Secret. A new webhook is tried with a
    # token that is answered with its HMAC. Answers of 4xx suspend the webhook.
    SeveralHeaders(
        name="wrike",
        vendor="Wrike",
        header="X-Hook-Signature",
        others=("X-Hook-Secret",),
        success=STATUS_200,
        handshakes=(
            Handshake(
                name="secret-verification",
                asks=(
                    Ask(_WRIKE_TOKEN),
                    Ask(Field("body", "requestType"), "WebHook secret verification"),
                ),
                reply=Digest(field=_WRIKE_TOKEN, header="X-Hook-Secret", in_the_open=True),
                signed=False,
            ),
        ),
        remarks="give the webhook a `secret` when you create it; without one nothing is signed",
    ),
    # https://developers.smartsheet.com/api/smartsheet/guides/webhooks/webhook-verification and
    # webhook-callbacks (2026-11). The challenge comes again every 100 callbacks. In base 16 by
    # _webhooks.html.md.erb of github.com/smartsheet-platform/api-docs; some verifiers use base64.
    AnyEncoding(
        name="smartsheet",
        vendor="Smartsheet",
        header="Smartsheet-Hmac-SHA256",
        other_encodings=("base64",),
        success=STATUS_200,
        handshakes=(
            Handshake(
                name="challenge",
                asks=(Ask(_SMARTSHEET_CHALLENGE), Ask(Field("body", "challenge"))),
                reply=Echo(
                    _SMARTSHEET_CHALLENGE,
                    content_type="application/json",
                    member="smartsheetHookResponse",
                    header="Smartsheet-Hook-Response",
                ),
                signed=False,
            ),
        ),
        remarks="names of changed rows, no cells: a tool must fetch them",
    ),
    # https://developer.todoist.com/api/v1#tag/Webhooks (2026-11) and public verifiers. The key is
    # the app's client secret.
    HmacScheme(
        name="todoist",
        vendor="Todoist",
        header="X-Todoist-Hmac-SHA256",
        encoding="base64",
        id_header="X-Todoist-Delivery-ID",
        success=STATUS_200,
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
        secret_headers=frozenset({"x-documenso-secret"}),
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
    # https://www.sanity.io/docs/webhooks and signature.ts of github.com/sanity-io/webhook-toolkit
    # (2026-11). Two retries at 30 s, since April 2026:
    # https://www.sanity.io/docs/changelog/50ec6abf-fe0c-475b-ae72-314148860132
    HmacScheme(
        name="sanity",
        vendor="Sanity",
        header="sanity-webhook-signature",
        prefix="v1=",
        separator=",",
        encoding="base64url",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
        timestamp_element="t",
        timestamp_unit="milliseconds",
        retry_span_seconds=60,
    ),
)
