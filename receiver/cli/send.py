"""Post a payload, signed as the vendor would sign it."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

import typer

from receiver.cli.common import options as arg
from receiver.cli.common.errors import CommandError
from receiver.cli.common.payloads import payload_of
from receiver.cli.common.posting import post_as_vendor, print_settlement
from receiver.cli.common.session import Session
from receiver.terminal.output import Output

EXAMPLES = (
    "receiver send zendesk mappings/examples/zendesk-solved.json",
    "receiver send zendesk mappings/examples/zendesk-solved.json --tamper",
)


def send(
    source_name: arg.SourceName,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The body; - for standard input.")],
    url: arg.Url = None,
    tamper: Annotated[
        bool, typer.Option("--tamper", help="Change the body after signing; answered 401.")
    ] = False,
    vendor_id: Annotated[
        str | None, typer.Option("--id", help="The vendor's delivery id; a new one by default.")
    ] = None,
    header: arg.Header = None,
    as_json: arg.Json = False,
) -> None:
    """Post and print the response; CommandError on anything but a 2xx."""
    session, out = Session(), Output(as_json=as_json)
    source = session.source(source_name)
    payload = payload_of(session.settings.mappings, source, file).with_headers(header or ())
    payload = replace(payload, delivery_id=vendor_id or payload.delivery_id)
    posted = post_as_vendor(session, source, payload, url, tamper=tamper)
    if as_json:
        out.json({"status": posted.status, "answer": posted.content})
    else:
        out.line(f"{posted.status} {posted.response.reason_phrase}")
        out.line(posted.text)
        print_settlement(session, out, posted)
    if not posted.is_success:
        is_expected = tamper and posted.status == HTTPStatus.UNAUTHORIZED
        why = ", as expected: the body was changed after signing" if is_expected else ""
        raise CommandError(f"{posted.url} answered {posted.status}{why}")
