"""Scheduling, meetings and forms: Calendly, Cal.com, Zoom, Typeform, Acuity, Nylas and others."""

from __future__ import annotations

from mappings.engine.payload import Format
from receiver.signatures.content import SignedContent
from receiver.signatures.custom.graph import ClientState, SignedData
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import Ask, Digest, Echo, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200
from receiver.signatures.scheme import Scheme
from receiver.signatures.tokens import PathTokenScheme

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
    # https://savvycal.com/docs/api/webhooks/ (2026-11). The digest is in upper case.
    HmacScheme(
        name="savvycal",
        vendor="SavvyCal",
        header="x-savvycal-signature",
        prefix="sha256=",
        success=STATUS_200,
    ),
    # https://developers.acuityscheduling.com/docs/webhooks (2026-11). The key is the API key of the
    # main admin, or for webhooks made by API of the user who made them.
    HmacScheme(
        name="acuity",
        formats=(Format.FORM,),
        vendor="Acuity Scheduling",
        header="X-Acuity-Signature",
        encoding="base64",
        remarks="secret: the API key; bodies hold ids only",
    ),
    # https://developers.oncehub.com/docs/webhook-signatures (2026-11): seconds. No window is
    # documented.
    HmacScheme(
        name="oncehub",
        vendor="OnceHub",
        header="Oncehub-Signature",
        prefix="s=",
        separator=",",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
        timestamp_element="t",
    ),
    # https://developer.nylas.com/docs/v3/notifications/ (2026-11). A compressed body is signed as
    # it is sent. The URL is tried by a GET with a challenge, to be repeated as it is.
    HmacScheme(
        name="nylas",
        vendor="Nylas",
        header="X-Nylas-Signature",
        success=STATUS_200,
        handshakes=(
            Handshake(
                name="challenge",
                method="GET",
                asks=(Ask(Field("query", "challenge")),),
                reply=Echo(Field("query", "challenge")),
                signed=False,
            ),
        ),
    ),
    # https://docs.cronofy.com/developers/push-notifications/authentication/ and cronofy-ruby
    # lib/cronofy/client.rb (2026-11): several signatures while a secret is changed.
    HmacScheme(
        name="cronofy",
        vendor="Cronofy",
        header="Cronofy-HMAC-SHA256",
        separator=",",
        encoding="base64",
        remarks="secret: the client secret",
    ),
    # https://docs.fireflies.ai/graphql-api/webhooks-v2 (2026-11): signed only where a secret is
    # set; a failed delivery is not tried again.
    HmacScheme(
        name="fireflies",
        vendor="Fireflies",
        header="X-Hub-Signature",
        prefix="sha256=",
        retry_span_seconds=0,
    ),
    # https://tally.so/help/webhooks (2026-11, and as public receivers take it)
    HmacScheme(
        name="tally",
        vendor="Tally",
        header="Tally-Signature",
        encoding="base64",
        remarks="only with a signing secret set",
    ),
    # https://help.chilipiper.com/hc/en-us/articles/39402611091475-Custom-Webhook-Configuration
    # (2026-11): neither a signature nor a header of your own.
    PathTokenScheme(
        name="chili-piper",
        vendor="Chili Piper",
        remarks="unsigned; a secret in the URL is all there is",
    ),
)
