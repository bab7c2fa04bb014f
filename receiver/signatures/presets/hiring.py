"""Hiring: Ashby, Greenhouse, Lever."""

from __future__ import annotations

from receiver.signatures.custom.inbody import SignedMembers
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
)
