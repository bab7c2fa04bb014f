"""Vendors that sign nothing: taken only with a secret that the operator adds to their calls.

A header where the vendor lets you write headers, an unguessable URL where it does not. Never open.
"""

from __future__ import annotations

from mappings.engine.payload import Format
from receiver.signatures.handshakes import EMPTY
from receiver.signatures.records import STATUS_200, Response
from receiver.signatures.scheme import Scheme
from receiver.signatures.tokens import ADDED_HEADER, PathTokenScheme, TokenScheme

_ADDED = f"unsigned; add the header {ADDED_HEADER} to its calls"

_SOAP_ACK = Response(
    200,
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
    b"</notificationsResponse></soapenv:Body></soapenv:Envelope>",
    "text/xml; charset=utf-8",
)


def _with_header(
    name: str, vendor: str, remarks: str = _ADDED, *, retry_span_seconds: int | None = None
) -> TokenScheme:
    return TokenScheme(
        name=name,
        vendor=vendor,
        formats=(),  # the author of the call chooses
        remarks=remarks,
        retry_span_seconds=retry_span_seconds,
    )


SCHEMES: tuple[Scheme, ...] = (
    # https://developer.salesforce.com/docs/platform/api/guide/sforce-api-om-outboundmessaging-wsdl.html
    # (2026-08). Only an acknowledgement in SOAP ends the retries.
    PathTokenScheme(
        name="salesforce-outbound-message",
        formats=(Format.XML,),
        vendor="Salesforce (outbound message)",
        success=_SOAP_ACK,
        retry_span_seconds=86_400,
        remarks="unsigned; leave `send session id` off: it puts a live token into the body",
    ),
    # Salesforce Named and External Credentials (2026-08, from memory).
    _with_header(
        "salesforce-flow-or-apex-callout", "Salesforce (Flow, Apex)", retry_span_seconds=0
    ),
    # Salesforce Event Relay reaches Amazon EventBridge only; an API destination calls from there.
    _with_header(
        "salesforce-event-relay",
        "Salesforce (event relay)",
        f"through an EventBridge API destination with the header {ADDED_HEADER}",
        retry_span_seconds=86_400,
    ),
    # https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/ (2026-08)
    PathTokenScheme(
        name="mailchimp-marketing",
        formats=(Format.FORM,),
        vendor="Mailchimp Marketing",
        parameter="key",
        greeting=EMPTY,
        success=STATUS_200,
        retry_span_seconds=4500,
        remarks="unsigned; a secret in the URL is all there is",
    ),
    _with_header("freshsales", "Freshsales"),
    _with_header("freshdesk", "Freshdesk", retry_span_seconds=172_800),
    _with_header("retool", "Retool", "sign as Standard Webhooks in a JS step instead, if you can"),
    _with_header("servicenow", "ServiceNow"),
)
