"""Customer relationship management: HubSpot, Salesforce, Pipedrive, Close, Attio and others."""

from __future__ import annotations

from receiver.signatures.content import SignedContent
from receiver.signatures.custom.digests import PlainHashScheme
from receiver.signatures.custom.jwts import JwtScheme, MondayScheme
from receiver.signatures.custom.members import BodyToken
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import Ask, Echo, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200, Coverage
from receiver.signatures.scheme import Scheme
from receiver.signatures.tokens import BasicScheme

SCHEMES: tuple[Scheme, ...] = (
    # https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
    # (2026-08). v1 headers ride along and are never looked at. The key is the app's client
    # secret. There is no delivery id: eventId in the body is not guaranteed to be unique.
    HmacScheme(
        name="hubspot-v3",
        vendor="HubSpot (apps)",
        header="X-HubSpot-Signature-v3",
        encoding="base64",
        signed_content=SignedContent.parse("{method}{url}{body}{timestamp}"),
        url_transform="hubspot",
        timestamp_header="X-HubSpot-Request-Timestamp",
        timestamp_unit="milliseconds",
        retry_span_seconds=86_400,
        remarks="eventId is not unique; a retry changes attemptNumber",
    ),
    # https://legacydocs.hubspot.com/docs/faq/v1-request-validation (2026-08): still the only
    # documented scheme of private apps.
    PlainHashScheme(
        name="hubspot-v1",
        vendor="HubSpot (private apps)",
        header="X-HubSpot-Signature",
        version="v1",
        retry_span_seconds=86_400,
        remarks="a plain hash, no HMAC",
    ),
    # https://legacydocs.hubspot.com/docs/faq/v2-request-validation (2026-08)
    PlainHashScheme(
        name="hubspot-v2",
        vendor="HubSpot (workflows)",
        header="X-HubSpot-Signature",
        version="v2",
        signed_content=SignedContent.parse("{method}{url}{body}"),
        retry_span_seconds=259_200,
        remarks="a plain hash, no HMAC",
    ),
    # https://developer.salesforce.com/docs/data/data-cloud-int/references/webhook-data-action-targets
    # (2026-08). Its page speaks of escaping the payload first; what arrives is what is hashed.
    HmacScheme(
        name="salesforce-data360",
        vendor="Salesforce Data 360",
        header="x-signature",
        encoding="base64",
        remarks="a regenerated key takes up to 15 minutes",
    ),
    # Salesforce Marketing Cloud, Event Notification Service (2026-08, second-hand). The key looks
    # like base64 and is used as the text it is.
    HmacScheme(
        name="salesforce-ens",
        vendor="Salesforce Marketing Cloud (ENS)",
        header="x-sfmc-ens-signature",
        encoding="base64",
        retry_span_seconds=604_800,
        handshakes=(
            Handshake(
                name="verification",
                asks=(
                    Ask(Field("body", "callbackId")),
                    Ask(Field("body", "verificationKey")),
                ),
                signed=False,
                shows=(Field("body", "callbackId"), Field("body", "verificationKey")),
            ),
        ),
        remarks="set up with `receiver pair`: it shows the verification key",
    ),
    # https://pipedrive.readme.io/docs/guide-for-webhooks-v2 (2026-08): http_auth_user and
    # http_auth_password are all there is.
    BasicScheme(
        name="pipedrive",
        vendor="Pipedrive",
        retry_span_seconds=183,
        remarks="secret: user:password",
    ),
    # https://developer.close.com/topics/webhooks/ (2026-08). Close names no window; 300 s is ours.
    HmacScheme(
        name="close",
        vendor="Close",
        header="close-sig-hash",
        key_encoding="hex",
        signed_content=SignedContent.parse("{timestamp}{body}"),
        timestamp_header="close-sig-timestamp",
        retry_span_seconds=259_200,
    ),
    # https://docs.attio.com/rest-api/guides/webhooks (2026-08). X-Attio-Signature is a copy.
    HmacScheme(
        name="attio",
        vendor="Attio",
        header="Attio-Signature",
        id_header="Idempotency-Key",
        retry_span_seconds=259_200,
        remarks="events hold ids only",
    ),
    # https://www.zoho.com/crm/developer/docs/api/v8/notifications/overview.html (2026-08)
    BodyToken(
        name="zoho-crm",
        vendor="Zoho CRM",
        member="token",
        secret_members=("payload.token",),
        remarks="a channel expires after a week at most",
    ),
    # https://developer.copper.com/webhooks/ (2026-08, from memory): what is given as `secret` at
    # subscription is merged into each body.
    BodyToken(
        name="copper",
        vendor="Copper",
        member="secret",
        secret_members=("payload.secret",),
        remarks='subscribe with "secret": {"secret": "…"}',
    ),
    # See custom.jwts. Board webhooks that no app made carry nothing: use `path-token`.
    MondayScheme(
        name="monday",
        vendor="monday.com (apps)",
        algorithm="HS256",
        coverage=Coverage.NOTHING,
        success=STATUS_200,
        retry_span_seconds=1800,
        handshakes=(
            Handshake(
                name="challenge",
                asks=(
                    Ask(Field("body", "challenge")),
                    Ask(Field("body", "event"), absent=True),
                    Ask(Field("body", "type"), absent=True),
                ),
                reply=Echo(
                    Field("body", "challenge"),
                    content_type="application/json",
                    member="challenge",
                ),
                signed=False,
            ),
        ),
        remarks="board webhooks made by hand are unsigned: use path-token",
    ),
    # https://developers.outreach.io/api/webhooks (2026-08). Any status counts as delivered.
    HmacScheme(
        name="outreach",
        vendor="Outreach",
        header="Outreach-Webhook-Signature",
        retry_span_seconds=18,
        remarks="retries network errors only, never an HTTP status",
    ),
    # https://developers.salesloft.com/docs/platform/webhooks/introduction/ (2026-08)
    HmacScheme(
        name="salesloft",
        vendor="Salesloft",
        header="x-salesloft-signature",
        algorithm="sha1",
        secret_members=("payload.callback_token",),
        retry_span_seconds=45,
        remarks="the payload repeats the key (callback_token), which is not stored",
    ),
    # https://help.gong.io/docs/create-a-webhook-rule (2026-08, second-hand).
    JwtScheme(
        name="gong",
        vendor="Gong",
        algorithm="RS256",
        own_claims=(("webhook_url", "{url}"), ("body_sha256", "{body_sha256}")),
        needs_expiry=False,
        remarks="secret: the public key; iat and exp are judged where the token holds them",
    ),
)
