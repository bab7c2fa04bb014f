"""Telephony and meetings beside Twilio: Telnyx, Vonage, MessageBird, Sinch, Aircall, Dialpad."""

from __future__ import annotations

from mappings.engine.payload import Format
from receiver.signatures.content import SignedContent
from receiver.signatures.custom.digests import TokenBody
from receiver.signatures.custom.jwts import JwtScheme
from receiver.signatures.custom.keys import PublicKeyScheme
from receiver.signatures.custom.members import BodyToken, JustCallScheme
from receiver.signatures.custom.places import OrderedItems
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import Ask, Echo, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200
from receiver.signatures.scheme import Scheme
from receiver.signatures.tokens import BasicScheme, TokenScheme

_TIME_THEN_BODY = SignedContent.parse("{timestamp}.{body}")
_VALIDATION = Field("header", "Validation-Token")

SCHEMES: tuple[Scheme, ...] = (
    # https://developers.telnyx.com/docs/voice/programmable-voice/voice-api-webhooks and
    # telnyx-python src/telnyx/lib/webhook_verification.py (2026-11); five minutes are the SDK's.
    PublicKeyScheme(
        key_algorithm="ed25519",
        name="telnyx",
        vendor="Telnyx",
        header="telnyx-signature-ed25519",
        algorithm="sha512",
        encoding="base64",
        signed_content=SignedContent.parse("{timestamp}|{body}"),
        timestamp_header="telnyx-timestamp",
        remarks="secret: the account's public key (Ed25519)",
    ),
    # https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks
    # (2026-11). No exp is documented, so an old token passes; payload_hash is asked for always.
    JwtScheme(
        name="vonage",
        vendor="Vonage (signed webhooks)",
        algorithm="HS256",
        own_claims=(("payload_hash", "{body_sha256}"),),
        needs_expiry=False,
        remarks="secret: the signature secret of the account; POST only",
    ),
    # https://developers.messagebird.com/docs/verify-http-requests and messagebird's
    # request_validator.py (2026-11). Tokens live 60 s in its test data.
    JwtScheme(
        name="messagebird",
        formats=(Format.JSON, Format.FORM),
        vendor="MessageBird",
        header="MessageBird-Signature-JWT",
        algorithm="HS256",
        own_claims=(
            ("payload_hash", "{body_sha256}"),
            ("url_hash", "{url_sha256}"),
            ("iss", "MessageBird"),
        ),
    ),
    # https://docs.livekit.io/home/server/webhooks/ and livekit-api webhook.py (2026-11). The key's
    # id (iss) is not compared: the secret alone verifies it.
    JwtScheme(
        name="livekit",
        vendor="LiveKit",
        algorithm="HS256",
        own_claims=(("sha256", "{body_sha256_base64}"),),
        remarks="secret: the API secret",
    ),
    # https://developers.sinch.com/docs/conversation/callbacks and sinch-sdk-node
    # authorization.helper.ts (2026-11). No window is documented; 300 s is ours.
    HmacScheme(
        name="sinch",
        vendor="Sinch (Conversation)",
        header="x-sinch-webhook-signature",
        encoding="base64",
        signed_content=SignedContent.parse(
            "{body}.{header:x-sinch-webhook-signature-nonce}.{timestamp}"
        ),
        timestamp_header="x-sinch-webhook-signature-timestamp",
        id_header="x-sinch-webhook-signature-nonce",
        remarks="callbacks of the Voice API sign otherwise and are not taken",
    ),
    # https://docs.daily.co/reference/rest-api/webhooks/create (2026-11): a secret in base64. No
    # window is documented, and no unit of the time.
    HmacScheme(
        name="daily",
        vendor="Daily",
        header="X-Webhook-Signature",
        encoding="base64",
        key_encoding="base64",
        signed_content=_TIME_THEN_BODY,
        timestamp_header="X-Webhook-Timestamp",
        timestamp_unit="seconds-or-milliseconds",
        success=STATUS_200,
        handshakes=(
            # Sent before a webhook is made or changed, unsigned; anything but 200 is an error.
            # Its body is {"test": "test"}, as public receivers take it.
            Handshake(name="test", asks=(Ask(Field("body", "test"), "test"),), signed=False),
        ),
    ),
    # https://docs.whereby.com/meeting-content-and-quality/insights-suite-and-api/webhooks
    # (2026-11): two retries soon after a 5xx, or where the answer takes more than 5 s. The time is
    # in seconds in its sample, which takes a minute; 300 s, and milliseconds too, are ours.
    HmacScheme(
        name="whereby",
        vendor="Whereby",
        header="Whereby-Signature",
        prefix="v1=",
        separator=",",
        signed_content=_TIME_THEN_BODY,
        timestamp_element="t",
        timestamp_unit="seconds-or-milliseconds",
    ),
    # https://developer.webex.com/messaging/docs/api/guides/webhooks and WebhookAuth of n8n's Cisco
    # Webex node (2026-11)
    HmacScheme(
        name="webex",
        vendor="Webex",
        header="X-Spark-Signature",
        algorithm="sha1",
    ),
    # https://developer.aircall.io/tutorials/webhooks-guide (2026-11): a token in each body.
    BodyToken(
        name="aircall",
        vendor="Aircall",
        member="token",
        secret_members=("payload.token",),
        success=STATUS_200,
        remarks="unsigned; the token of the webhook is in each body",
    ),
    # See custom.digests. JSON is what examples are written in; only tokens can be verified.
    TokenBody(
        name="dialpad",
        vendor="Dialpad",
        formats=(Format.JWT, Format.JSON),
        header="",
        encoding="base64url",
        remarks="the body is a JWT; without a secret Dialpad sends unsigned JSON, refused here",
    ),
    # See custom.places: `hmac;1;TIME;SIGNATURE` (2026-11). The key is the signing secret's base64;
    # the sample strips white space from the body, which is sent without any.
    OrderedItems(
        name="openphone",
        vendor="OpenPhone (Quo, legacy webhooks)",
        header="openphone-signature",
        leading=("hmac", "1"),
        encoding="base64",
        key_encoding="base64",
        signed_content=_TIME_THEN_BODY,
        timestamp_unit="milliseconds",
    ),
    # See custom.members.
    JustCallScheme(
        name="justcall",
        vendor="JustCall",
        header="x-justcall-signature",
        time_header="x-justcall-request-timestamp",
        remarks="secret: the API secret; the event's data are not signed",
    ),
    # https://developers.ringcentral.com/guide/notifications/webhooks/creating-webhooks (2026-11):
    # the URL is tried by a Validation-Token, to be repeated in a header; nothing is signed.
    TokenScheme(
        name="ringcentral",
        vendor="RingCentral",
        header="Verification-Token",
        success=STATUS_200,
        handshakes=(
            Handshake(
                name="validation",
                asks=(Ask(_VALIDATION),),
                reply=Echo(_VALIDATION, None, header="Validation-Token", in_body=False),
                signed=False,
            ),
        ),
        remarks="unsigned; set verificationToken when you subscribe",
    ),
    # https://developers.deepgram.com/docs/callback (2026-11): user and password in the URL.
    BasicScheme(
        name="deepgram",
        vendor="Deepgram (callbacks)",
        remarks="unsigned; secret: user:password, written into the callback's URL",
    ),
    # https://www.assemblyai.com/docs/concepts/webhooks (2026-11): a header of your choice.
    TokenScheme(
        name="assemblyai",
        vendor="AssemblyAI",
        remarks="unsigned; set webhook_auth_header_name to X-Webhook-Token",
    ),
)
