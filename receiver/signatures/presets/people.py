"""Hiring, people and identity: Ashby, Greenhouse, Lever, BambooHR, Checkr, Persona, WorkOS."""

from __future__ import annotations

from receiver.signatures.content import SignedContent
from receiver.signatures.custom.members import SignedMembers
from receiver.signatures.custom.places import SpacedPairs
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import Ask, Handshake
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import STATUS_200
from receiver.signatures.scheme import Scheme

_PING = Handshake(name="ping", asks=(Ask(Field("body", "action"), "ping"),))

SCHEMES: tuple[Scheme, ...] = (
    # https://developers.ashbyhq.com/docs/authenticating-webhooks (2026-08)
    HmacScheme(
        name="ashby",
        vendor="Ashby",
        header="Ashby-Signature",
        prefix="sha256=",
        retry_span_seconds=10_130,
        handshakes=(_PING,),
    ),
    # https://developers.greenhouse.io/webhooks.html (2026-08). The prefix ends in a space.
    HmacScheme(
        name="greenhouse",
        vendor="Greenhouse",
        header="Signature",
        prefix="sha256 ",
        id_header="Greenhouse-Event-ID",
        success=STATUS_200,
        retry_span_seconds=54_960,
        handshakes=(_PING,),
        remarks="a ping that fails leaves the webhook disabled",
    ),
    # https://hire.lever.co/developer/documentation#webhooks (2026-08), by four implementations.
    # A token is used once, so it is the delivery's id: its second body is kept as id-reused.
    SignedMembers(
        name="lever",
        vendor="Lever",
        header="signature",
        signature_path="signature",
        signed_paths=("token", "triggeredAt"),
        time_path="triggeredAt",
        token_path="token",  # noqa: S106 - the name of a member, no secret
        timestamp_unit="milliseconds",
        remarks="only token and time are signed: fetch the opportunity before billing",
    ),
    # https://documentation.bamboohr.com/docs/webhooks-2 (2026-11) and Nango's page on it: the time
    # behind the body. The key is shown once, when it is created.
    HmacScheme(
        name="bamboohr",
        vendor="BambooHR",
        header="X-BambooHR-Signature",
        signed_content=SignedContent.parse("{body}{timestamp}"),
        timestamp_header="X-BambooHR-Timestamp",
    ),
    # https://workable.readme.io/reference/webhooks (2026-11): anything but 200 is sent again. The
    # key is the account's token or the OAuth app's secret; public receivers read hex.
    HmacScheme(
        name="workable",
        vendor="Workable",
        header="X-Workable-Signature",
        success=STATUS_200,
    ),
    # https://docs.checkr.com/apis/webhooks and github.com/checkr/webhook-verification-examples
    # (2026-11). The key is the account's API key.
    HmacScheme(
        name="checkr",
        vendor="Checkr",
        header="X-Checkr-Signature",
    ),
    # https://developer.tryfinch.com/implementation-guide/Webhooks and webhooks.py of Finch's Python
    # library (2026-11): as Standard Webhooks under other names; the secret is base64.
    HmacScheme(
        name="finch",
        vendor="Finch",
        header="Finch-Signature",
        prefix="v1,",
        separator=" ",
        encoding="base64",
        key_encoding="whsec",
        signed_content=SignedContent.parse("{header:finch-event-id}.{timestamp}.{body}"),
        timestamp_header="Finch-Timestamp",
        id_header="Finch-Event-Id",
    ),
    # https://documentation.onfido.com/api/latest/#webhooks and webhook_event_verifier.py of
    # Onfido's Python library (2026-11).
    HmacScheme(
        name="onfido",
        vendor="Onfido",
        header="X-SHA2-Signature",
    ),
    # https://docs.withpersona.com/webhooks-best-practices (2026-11): seconds, the time of this
    # request; the key is the text with wbhsec_. No window is documented; 300 s are ours.
    SpacedPairs(
        name="persona",
        vendor="Persona",
        header="Persona-Signature",
        prefix="v1=",
        separator=",",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
        timestamp_element="t",
    ),
    # https://workos.com/docs/events/data-syncing/webhooks and _verification.py of WorkOS' Python
    # library (2026-11), which allows 3 minutes.
    HmacScheme(
        name="workos",
        vendor="WorkOS",
        header="WorkOS-Signature",
        prefix="v1=",
        separator=",",
        signed_content=SignedContent.parse("{timestamp}.{body}"),
        timestamp_element="t",
        timestamp_unit="milliseconds",
        tolerance_seconds=180,
        success=STATUS_200,
    ),
)
