"""Messages and approvals: Slack, Teams, WhatsApp, Twilio, SendGrid, Mailchimp, Customer.io."""

from __future__ import annotations

from dataclasses import replace

from mappings.engine.payload import Format, FormNames
from receiver.signatures.content import SignedContent
from receiver.signatures.custom.forms import FormScheme, TwilioForm, TwilioJson
from receiver.signatures.custom.keys import PublicKeyScheme
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import EMPTY, Ask, Echo, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.presets.twilio import FIELDS as TWILIO_FIELDS
from receiver.signatures.records import STATUS_200, Response
from receiver.signatures.scheme import Scheme

_URL = SignedContent.parse("{url}")
#: Sends no reply to a message, and is no more than read of a status callback.
_TWIML = Response(
    200, b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>', "text/xml; charset=utf-8"
)
#: Teams shows it in the thread, and an error where no message comes back.
_TEAMS_REPLY = Response(200, b'{"type":"message","text":"Received."}', "application/json")

# https://docs.slack.dev/authentication/verifying-requests-from-slack (2026-08). A button shows
# whatever text an answer holds, so it is answered with an empty one.
# Slack checks the certificate of a request URL by a form of ssl_check=1 and, at most, the old
# verification token, without a signature
# (https://docs.slack.dev/tools/bolt-python/reference/middleware/ssl_check, 2026-11).
_SLACK = HmacScheme(
    name="slack-events",
    vendor="Slack (events)",
    header="X-Slack-Signature",
    prefix="v0=",
    signed_content=SignedContent.parse("v0:{timestamp}:{body}"),
    timestamp_header="X-Slack-Request-Timestamp",
    success=EMPTY,
    retry_span_seconds=360,
    handshakes=(
        Handshake(
            name="url-verification",
            asks=(Ask(Field("body", "type"), "url_verification"),),
            reply=Echo(Field("body", "challenge")),
        ),
        Handshake(
            name="ssl-check",
            asks=(Ask(Field("form", "ssl_check"), "1"),),
            form_of=frozenset({"ssl_check", "token"}),
            signed=False,
        ),
    ),
)

SCHEMES: tuple[Scheme, ...] = (
    _SLACK,
    replace(
        _SLACK,
        name="slack-interactive",
        formats=(Format.FORM, Format.JSON),
        vendor="Slack (buttons, commands)",
        retry_span_seconds=0,
        remarks="a form with a JSON field `payload`; commands are plain forms",
    ),
    # https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook
    # (2026-08). Power Automate calls with whatever its author writes: use `token`.
    HmacScheme(
        name="msteams",
        vendor="Microsoft Teams (outgoing)",
        header="Authorization",
        prefix="HMAC ",
        encoding="base64",
        key_encoding="base64",
        success=_TEAMS_REPLY,
        remarks="the answer is shown in the thread: `success` in the mapping writes another",
    ),
    # https://developers.facebook.com/docs/graph-api/webhooks/getting-started (2026-08). The key is
    # the app secret; the verify token is another word, named under handshake_secret.
    HmacScheme(
        name="whatsapp",
        vendor="WhatsApp, Meta",
        header="X-Hub-Signature-256",
        prefix="sha256=",
        success=STATUS_200,
        retry_span_seconds=604_800,
        handshakes=(
            Handshake(
                name="subscribe",
                method="GET",
                asks=(
                    Ask(Field("query", "hub.mode"), "subscribe"),
                    Ask(Field("query", "hub.challenge")),
                ),
                reply=Echo(Field("query", "hub.challenge")),
                signed=False,
                gate=Field("query", "hub.verify_token"),
            ),
        ),
        remarks="set handshake_secret to the name of the verify token",
    ),
    # See custom.forms, for these four. Twilio signs with SHA-1 unless a shared key is set up.
    TwilioForm(
        name="twilio-form",
        formats=(Format.FORM,),
        form=TWILIO_FIELDS,
        vendor="Twilio",
        header="X-Twilio-Signature",
        algorithm="sha1",
        encoding="base64",
        signed_content=_URL,
        id_header="I-Twilio-Idempotency-Token",
        success=_TWIML,
        remarks="the order of fields is not signed",
    ),
    TwilioForm(
        name="twilio-sharedkey",
        formats=(Format.FORM,),
        form=TWILIO_FIELDS,
        vendor="Twilio (shared key)",
        header="X-Twilio-Signature",
        settings="HMAC_SHA256",
        encoding="base64",
        signed_content=_URL,
        id_header="I-Twilio-Idempotency-Token",
        success=_TWIML,
        remarks="the order of fields is not signed",
    ),
    TwilioJson(
        name="twilio-json",
        vendor="Twilio (JSON)",
        header="X-Twilio-Signature",
        algorithm="sha1",
        encoding="base64",
        signed_content=_URL,
        success=STATUS_200,
        remarks="the body by its hash in the URL",
    ),
    FormScheme(
        name="mailchimp-transactional",
        formats=(Format.FORM,),
        form=FormNames(frozenset({"mandrill_events"}), closed=True),
        vendor="Mailchimp Transactional (Mandrill)",
        header="X-Mandrill-Signature",
        algorithm="sha1",
        encoding="base64",
        signed_content=_URL,
        greeting=EMPTY,
        success=STATUS_200,
        handshakes=(
            Handshake(
                name="test",
                asks=(Ask(Field("form", "mandrill_events"), "[]"),),
                test_secrets=("test-webhook",),
            ),
        ),
    ),
    # https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
    # and sendgrid 6.12 helpers/eventwebhook (2026-08): on P-256, the signature DER.
    PublicKeyScheme(
        key_algorithm="ecdsa",
        name="sendgrid",
        vendor="SendGrid",
        header="X-Twilio-Email-Event-Webhook-Signature",
        encoding="base64",
        signed_content=SignedContent.parse("{timestamp}{body}"),
        timestamp_header="X-Twilio-Email-Event-Webhook-Timestamp",
        retry_span_seconds=86_400,
        remarks="secret: the public key (ECDSA P-256)",
    ),
    # https://docs.customer.io/integrations/api/webhooks/ (2026-08). No prefix stands in the
    # header; the key looks like hex and is used as the text it is.
    HmacScheme(
        name="customerio",
        vendor="Customer.io",
        header="X-CIO-Signature",
        signed_content=SignedContent.parse("v0:{timestamp}:{body}"),
        timestamp_header="X-CIO-Timestamp",
        retry_span_seconds=604_800,
    ),
    # https://segment.com/docs/connections/destinations/catalog/webhooks/ (2026-08)
    HmacScheme(
        name="segment",
        vendor="Segment",
        header="X-Signature",
        algorithm="sha1",
        retry_span_seconds=14_400,
        remarks="only with a shared secret set in the destination",
    ),
)
