"""Verify a captured request offline; print which step fails and how to fix it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from jobs.common.parsing import parse_time
from jobs.common.timestamps import in_utc
from mappings.engine.loading.load import Source
from receiver.authoring.diagnosis import (
    Captured,
    CaptureInvalid,
    Diagnosis,
    NamedSecret,
    diagnose,
    judged_by_address,
    read_capture,
)
from receiver.cli.common import options as arg
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.payloads import STANDARD_INPUT
from receiver.cli.common.session import Session
from receiver.sources.listing import source_url
from receiver.terminal.output import Output

EXAMPLES = (
    "receiver verify zendesk --request captured.http",
    "receiver verify zendesk --request captured.http --at 2026-01-31T08:00:00Z",
)


def verify(
    source_name: arg.SourceName,
    request_file: Annotated[
        str,
        typer.Option(
            "--request",
            metavar="FILE",
            help="The captured request: HTTP text, or JSON with method, url, headers, body; or -.",
        ),
    ],
    at: Annotated[
        str | None,
        typer.Option(help="Check as of this time: 2026-01-31T08:00:00Z; now by default."),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Print the diagnosis; CommandError if the request is refused."""
    session, out = Session(), Output(as_json=as_json)
    now = time.time() if at is None else parse_time("at", at, session.zone).timestamp()
    source = session.source(source_name)
    scheme = session.scheme(source)
    base = session.settings.webhooks_url
    captured = _captured(request_file)
    found = diagnose(
        scheme,
        secrets=tuple(_secrets(session, source, now)),
        others=tuple(_secrets_of_others(session, source, now)),
        request=_whole(captured, source, base),
        public_url=base,
        source=source.name,
        now=now,
    )
    found = judged_by_address(
        found,
        captured,
        source=source.name,
        others=session.edited.sources.keys() - {source.name},
        takes_path=scheme.takes_path,
        url=source_url(session.settings, source.name),
        has_public_url=session.settings.public_url is not None,
    )
    if as_json:
        out.json(_as_json(found))
    else:
        _show(out, found)
    if not found.verified:
        raise CommandError(f"refused: {found.cause}")


def _captured(file: str) -> Captured:
    """The request as it stands in the file."""
    try:
        data = sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", code=MISUSE) from error
    try:
        request = read_capture(data)
        urlsplit(request.url)
    except CaptureInvalid as error:
        raise CommandError(f"{file}: {error}", code=MISUSE) from error
    except ValueError as error:
        raise CommandError(f"{file}: its URL cannot be read: {error}", code=MISUSE) from error
    return request


def _whole(request: Captured, source: Source, base: str) -> Captured:
    """The request, its URL made whole by what the host is known to be."""
    if urlsplit(request.url).netloc:
        return request
    return replace(request, url=base + (request.url or f"/webhooks/{source.name}"))


def _secrets(
    session: Session, source: Source, now: float, *, foreign: bool = False
) -> Iterator[NamedSecret]:
    for name in source.secrets:
        value = session.secrets.get(name)
        ends = source.secret_ends.get(name)
        if value is not None:
            yield NamedSecret(
                name=name,
                value=value,
                of=source.name if foreign else None,
                has_ended=ends is not None and ends <= datetime.fromtimestamp(now, UTC),
            )


def _secrets_of_others(session: Session, source: Source, now: float) -> Iterator[NamedSecret]:
    for name, other in session.edited.sources.items():
        if name != source.name:
            yield from (
                one
                for one in _secrets(session, other, now, foreign=True)
                if one.name not in source.secrets
            )


def _as_json(found: Diagnosis) -> dict[str, object]:
    at = found.signed_at
    return {**asdict(found), "signed_at": at and in_utc(at)}


def _show(out: Output, found: Diagnosis) -> None:
    if found.verified:
        when = f", at {found.signed_at:%Y-%m-%d %H:%M:%SZ}" if found.signed_at else ""
        out.line(f"verified: signed with {found.secret}{when}")
        for finding in found.findings:
            out.line(f"  note     {finding.summary}")
            out.line(f"  {'':<8} → {finding.remediation}")
        return
    out.line(f"refused: {found.cause} ({found.detail})")
    for finding in found.findings:
        out.line(f"  {finding.step:<8} {finding.summary}")
        out.line(f"  {'':<8} → {finding.remediation}")
    if found.secret is not None:
        out.line(f"  otherwise right: signed with {found.secret}")
