"""Support desks: Zendesk, Intercom, Front, Help Scout, Chatwoot, Crisp, Plain, Dixa and others."""

from __future__ import annotations

from mappings.engine.payload import Format
from receiver.signatures.content import SignedContent
from receiver.signatures.custom.keys import PublicKeyScheme
from receiver.signatures.custom.members import BodyToken
from receiver.signatures.custom.places import OrderedItems, TimeInBody
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import EMPTY, Ask, Echo, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.scheme import Scheme
from receiver.signatures.tokens import ADDED_HEADER, PathTokenScheme, TokenScheme

SCHEMES: tuple[Scheme, ...] = (
    # https://developer.zendesk.com/documentation/webhooks/verifying/ (2026-08). Zendesk names no
    # window; 300 s is ours. The key looks like base64 and is used as the text it is.
    HmacScheme(
        name="zendesk",
        formats=(Format.JSON, Format.XML, Format.FORM),
        vendor="Zendesk",
        header="X-Zendesk-Webhook-Signature",
        encoding="base64",
        signed_content=SignedContent.parse("{timestamp}{body}"),
        timestamp_header="X-Zendesk-Webhook-Signature-Timestamp",
        timestamp_unit="iso8601",
        id_header="X-Zendesk-Webhook-Invocation-Id",
        remarks="a trigger's body is what the admin wrote",
    ),
    # https://developers.intercom.com/docs/webhooks/setting-up-webhooks (2026-08). The key is the
    # app's client secret.
    HmacScheme(
        name="intercom",
        vendor="Intercom",
        header="X-Hub-Signature",
        prefix="sha1=",
        algorithm="sha1",
        greeting=EMPTY,
        retry_span_seconds=60,
        handshakes=(Handshake(name="ping", asks=(Ask(Field("body", "topic"), "ping"),)),),
    ),
    # https://dev.frontapp.com/docs/webhooks-1 (2026-08). The page does not name the unit of the
    # time; implementers see milliseconds.
    HmacScheme(
        name="front-app",
        vendor="Front (apps)",
        header="X-Front-Signature",
        encoding="base64",
        signed_content=SignedContent.parse("{timestamp}:{body}"),
        timestamp_header="X-Front-Request-Timestamp",
        timestamp_unit="seconds-or-milliseconds",
        handshakes=(
            Handshake(
                name="challenge",
                asks=(Ask(Field("header", "X-Front-Challenge")),),
                reply=Echo(Field("header", "X-Front-Challenge")),
            ),
        ),
    ),
    # As above, the older webhooks of rules: the key is the company's API secret.
    HmacScheme(
        name="front-rule",
        vendor="Front (rules)",
        header="X-Front-Signature",
        algorithm="sha1",
        encoding="base64",
    ),
    # https://developer.helpscout.com/webhooks/ and helpscout-api-php src/Webhooks (2026-11). A 410
    # ends the subscription at once.
    HmacScheme(
        name="helpscout",
        vendor="Help Scout",
        header="X-HelpScout-Signature",
        algorithm="sha1",
        encoding="base64",
        remarks="the event's name is in a header that is not signed",
    ),
    # https://developers.chatwoot.com/api-reference/webhooks/add-a-webhook (2026-11). The delivery
    # id is the same over retries. Versions before the secret existed send unsigned requests.
    HmacScheme(
        name="chatwoot",
        vendor="Chatwoot",
        header="X-Chatwoot-Signature",
        prefix="sha256=",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
        timestamp_header="X-Chatwoot-Timestamp",
        id_header="X-Chatwoot-Delivery",
        remarks="older servers do not sign: use path-token there",
    ),
    # https://docs.crisp.chat/references/web-hooks/v1/ and node-crisp-api lib/crisp.ts (2026-11).
    # The unit of the time is not documented.
    HmacScheme(
        name="crisp",
        vendor="Crisp (plugin hooks)",
        header="X-Crisp-Signature",
        signed_content=SignedContent.parse("[{timestamp};{body}]"),
        timestamp_header="X-Crisp-Request-Timestamp",
        timestamp_unit="seconds-or-milliseconds",
        remarks="website hooks are unsigned: use crisp-website",
    ),
    # The same page: hooks of a website, whose secret is a parameter of the URL.
    PathTokenScheme(
        name="crisp-website",
        vendor="Crisp (website hooks)",
        parameter="key",
        remarks="unsigned; a secret in the URL is all there is",
    ),
    # https://www.plain.com/docs/api-reference/request-signing and team-plain/typescript-sdk
    # src/webhooks/verify.ts (2026-11): five minutes are the SDK's, the time is of each attempt.
    TimeInBody(
        name="plain",
        vendor="Plain",
        header="Plain-Request-Signature",
        time_member="webhookMetadata.webhookDeliveryAttemptTimestamp",
        timestamp_unit="iso8601",
    ),
    # https://kb.help.usepylon.com/articles/6080966819-how-do-i-verify-the-webhook-signatures
    # (2026-11). No time is signed.
    HmacScheme(
        name="pylon",
        vendor="Pylon",
        header="X-Pylon-Signature",
    ),
    # See custom.places.
    OrderedItems(
        name="trengo",
        formats=(Format.FORM, Format.JSON),
        vendor="Trengo",
        header="Trengo-Signature",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
    ),
    # https://crmsupport.freshworks.com/support/solutions/articles/50000004461 (2026-11): RSA with
    # SHA-256, the public key stands beside the URL in the settings.
    PublicKeyScheme(
        key_algorithm="rsa",
        name="freshchat",
        vendor="Freshchat",
        header="X-Freshchat-Signature",
        encoding="base64",
        remarks="secret: the public key (RSA) shown in the settings",
    ),
    # https://ww1.autotask.net/help/DeveloperHelp/Content/APIs/Webhooks/SecretKeyPayloadVerification.htm
    # (2026-11). No time is signed.
    HmacScheme(
        name="autotask",
        vendor="Autotask (PSA)",
        header="X-Hook-Signature",
        prefix="sha1=",
        algorithm="sha1",
        encoding="base64",
    ),
    # https://platform.text.com/docs/management/webhooks (2026-11): secret_key in each body.
    BodyToken(
        name="livechat",
        vendor="LiveChat (Text)",
        member="secret_key",
        secret_members=("payload.secret_key",),
        remarks="unsigned; the secret_key of the webhook is in each body",
    ),
    # https://docs.dixa.io/docs/webhooks/webhooks-security (2026-11): milliseconds; the secret key
    # is hexadecimal and decoded. No window is documented; 300 s are ours.
    HmacScheme(
        name="dixa",
        vendor="Dixa",
        header="X-DIXA-SIGNATURE",
        prefix="v1=",
        separator=",",
        key_encoding="hex",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
        timestamp_element="t",
        timestamp_unit="milliseconds",
    ),
    # https://developers.tidio.com/docs/webhooks-signature-verification (2026-11): seconds, and a
    # signature for each secret. No window is documented; 300 s are ours.
    HmacScheme(
        name="tidio",
        vendor="Tidio",
        header="x-tidio-signature",
        prefix="s=",
        separator=",",
        signed_content=SignedContent.parse("{body}_{timestamp}"),
        timestamp_element="t",
    ),
    # https://missiveapp.com/docs/developers/webhooks (2026-11, by way of public receivers that
    # quote it): 5 retries in 8 minutes, and 15 s for an answer.
    HmacScheme(
        name="missive",
        vendor="Missive",
        header="X-Hook-Signature",
        prefix="sha256=",
        retry_span_seconds=8 * 60,
        remarks="only with a validation secret set in the rule",
    ),
    # https://docs.gorgias.com/http-integrations-81822 (2026-11): headers and body are what you
    # write; nothing is signed.
    TokenScheme(
        name="gorgias",
        vendor="Gorgias",
        formats=(),
        remarks=f"unsigned; add the header {ADDED_HEADER} to the HTTP integration",
    ),
    # https://developer.kustomer.com/kustomer-apps-platform/docs/outbound-webhooks (2026-11): custom
    # headers. A secret is shown in the settings, but no page describes how it signs.
    # Ten tries in 80 minutes.
    TokenScheme(
        name="kustomer",
        vendor="Kustomer",
        retry_span_seconds=80 * 60,
        remarks=f"how its secret signs is not documented; add the header {ADDED_HEADER}",
    ),
    # https://docs.smooch.io/guide/webhooks/ (2026-11, by way of `auth` in client.ts of Botpress'
    # channel-smooch): the webhook's secret, shown in each request.
    TokenScheme(
        name="sunshine-conversations",
        vendor="Sunshine Conversations",
        header="X-API-Key",
        remarks="unsigned; secret: the `secret` of the integration's webhook",
    ),
)
