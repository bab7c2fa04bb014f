"""Scheduling, meetings and forms: Calendly, Cal.com, Zoom, Typeform, Microsoft Graph."""

from __future__ import annotations

from mappings.engine.payload import Format
from receiver.signatures.content import SignedContent
from receiver.signatures.custom.graph import ClientState, SignedData
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import Ask, Digest, Echo, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200
from receiver.signatures.scheme import Scheme

_GRAPH_VALIDATION = Handshake(
    name="validation",
    asks=(Ask(Field("query", "validationToken")),),
    reply=Echo(Field("query", "validationToken")),
    signed=False,
)

SCHEMES: tuple[Scheme, ...] = (
    # https://developer.calendly.com/api-docs/ZG9jOjE2OTU3Njk4-webhook-signatures (2026-08)
    HmacScheme(
        name="calendly",
        vendor="Calendly",
        header="Calendly-Webhook-Signature",
        prefix="v1=",
        separator=",",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
        timestamp_element="t",
        tolerance_seconds=180,
        retry_span_seconds=86_400,
    ),
    # https://cal.com/docs/developing/guides/automation/webhooks (2026-08). Without a secret the
    # header is no-secret-provided, which no signature equals.
    HmacScheme(
        name="calcom",
        formats=(Format.JSON, Format.FORM),
        vendor="Cal.com",
        header="X-Cal-Signature-256",
    ),
    # https://developers.zoom.us/docs/api/webhooks/#verify-with-zooms-header (2026-08)
    HmacScheme(
        name="zoom",
        vendor="Zoom",
        header="x-zm-signature",
        prefix="v0=",
        signed_content=SignedContent.parse("v0:{timestamp}:{body}"),
        timestamp_header="x-zm-request-timestamp",
        success=STATUS_200,
        retry_span_seconds=5100,
        handshakes=(
            Handshake(
                name="url-validation",
                asks=(Ask(Field("body", "event"), "endpoint.url_validation"),),
                # https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
                # (2026-08)
                reply=Digest(
                    field=Field("body", "payload.plainToken"),
                    repeats="plainToken",
                    member="encryptedToken",
                ),
            ),
        ),
        remarks="validates the URL again every 72 hours",
    ),
    # https://www.typeform.com/developers/webhooks/secure-your-webhooks/ (2026-08)
    HmacScheme(
        name="typeform",
        vendor="Typeform",
        header="Typeform-Signature",
        prefix="sha256=",
        encoding="base64",
    ),
    # See custom.graph, for both.
    ClientState(
        name="msgraph",
        vendor="Microsoft Graph",
        retry_span_seconds=14_400,
        handshakes=(_GRAPH_VALIDATION,),
        secret_members=("payload.value[*].clientState",),
        remarks="clientState of every element is compared",
    ),
    SignedData(
        name="msgraph-rich",
        vendor="Microsoft Graph (resource data)",
        header="dataSignature",
        encoding="base64",
        key_encoding="base64",
        retry_span_seconds=14_400,
        handshakes=(_GRAPH_VALIDATION,),
        remarks="secret: the decrypted symmetric key; validationTokens are not checked here",
    ),
)
