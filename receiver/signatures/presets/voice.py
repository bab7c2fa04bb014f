"""Voice agents: Vapi, Retell, ElevenLabs, Bland, Hume, Ultravox, Synthflow, Cartesia."""

from __future__ import annotations

from receiver.signatures.content import SignedContent
from receiver.signatures.custom.members import SignedMember
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200
from receiver.signatures.scheme import Scheme
from receiver.signatures.tokens import TokenScheme

_TIME_THEN_BODY = SignedContent.parse("{timestamp}.{body}")
_BODY_THEN_TIME = SignedContent.parse("{body}{timestamp}")

SCHEMES: tuple[Scheme, ...] = (
    # https://docs.vapi.ai/server-url/server-authentication, and HMACAuthenticationPlan of Vapi's
    # OpenAPI (2026-11): the defaults of a custom credential of type HMAC. The unit of the time is
    # not documented. Vapi tries again only where the server has a backoffPlan.
    HmacScheme(
        name="vapi",
        vendor="Vapi (HMAC credential)",
        header="x-signature",
        signed_content=_TIME_THEN_BODY,
        timestamp_header="x-timestamp",
        timestamp_unit="seconds-or-milliseconds",
        remarks="leave the credential's fields at their defaults; with others use hmac",
    ),
    # The same page: a bearer credential under the older header, or `secret` of the server object.
    TokenScheme(
        name="vapi-secret",
        vendor="Vapi (secret)",
        header="X-Vapi-Secret",
        remarks="unsigned; an HMAC credential is better",
    ),
    # https://docs.retellai.com/features/secure-webhook and retell-sdk src/lib/webhook_auth.ts
    # (2026-11). The key is the API key with the webhook badge; five minutes are the SDK's.
    HmacScheme(
        name="retell",
        vendor="Retell AI",
        header="x-retell-signature",
        prefix="d=",
        separator=",",
        signed_content=_BODY_THEN_TIME,
        timestamp_element="v",
        timestamp_unit="milliseconds",
    ),
    # https://elevenlabs.io/docs/agents-platform/workflows/post-call-webhooks and src/wrapper/
    # webhooks.ts of elevenlabs-js (2026-11), which takes a request for 30 minutes; ahead of our
    # clock 300 s are ours.
    HmacScheme(
        name="elevenlabs",
        vendor="ElevenLabs",
        header="ElevenLabs-Signature",
        prefix="v0=",
        separator=",",
        signed_content=_TIME_THEN_BODY,
        timestamp_element="t",
        vendor_window_seconds=30 * 60,
        success=STATUS_200,
    ),
    # https://docs.bland.ai/tutorials/webhook-signing (2026-11)
    HmacScheme(
        name="bland",
        vendor="Bland",
        header="X-Webhook-Signature",
    ),
    # https://dev.hume.ai/docs/speech-to-speech-evi/configuration/webhooks, and its sample in
    # github.com/HumeAI/hume-api-examples evi/evi-typescript-webhooks (2026-11): seconds, and 180 s
    # of age. The key is the webhook signing key of the developer portal, which older versions of
    # the sample do not have: there it is the API key.
    HmacScheme(
        name="hume",
        vendor="Hume (EVI)",
        header="X-Hume-AI-Webhook-Signature",
        signed_content=SignedContent.parse("{body}.{timestamp}"),
        timestamp_header="X-Hume-AI-Webhook-Timestamp",
        remarks="secret: the webhook signing key; the API key where the account has none",
    ),
    # https://docs.ultravox.ai/webhooks/securing-webhooks and errors-and-retries (2026-11): ten
    # retries, the first after 30 s, each after twice the time. Ultravox advises a minute; the
    # wider window is ours. Several signatures while a secret is changed.
    HmacScheme(
        name="ultravox",
        vendor="Ultravox",
        header="X-Ultravox-Webhook-Signature",
        separator=",",
        signed_content=_BODY_THEN_TIME,
        timestamp_header="X-Ultravox-Webhook-Timestamp",
        timestamp_unit="iso8601",
        retry_span_seconds=30 * (2**10 - 1),
    ),
    # See custom.members.
    SignedMember(
        name="synthflow",
        vendor="Synthflow",
        header="HTTP_SYNTHFLOW_SIGNATURE",
        other_header="Synthflow-Signature",
        encoding="base64",
        member_path="call.call_id",
        remarks="only the call's id is signed; a proxy may drop a header with underscores",
    ),
    # https://docs.cartesia.ai/agents/webhooks (2026-11)
    TokenScheme(
        name="cartesia",
        vendor="Cartesia (agents)",
        header="X-Webhook-Secret",
        remarks="unsigned; the secret is sent with each call",
    ),
)
