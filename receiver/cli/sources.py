"""List the sources: URL to paste, scheme, secrets set or not, last delivery."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from jobs.queries.sources.silence import span
from receiver.api.filter_names import refusal
from receiver.cli.common import options as arg
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.session import Session
from receiver.sources.listing import SecretState, SourceItem, has_ended, read_sources, source_items
from receiver.terminal.output import Output, deliveries_counted

EXAMPLES = ("receiver sources", "receiver sources zendesk")


def sources(
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help="Only this source.", show_default=False),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Print every source of the mappings, and those that only deliveries know; or one of them."""
    session, out = Session(), Output(as_json=as_json)
    mappings, settings = session.mappings(), session.settings
    items = session.run_if_made(
        lambda database: read_sources(database, settings, mappings, session.secrets),
        otherwise=source_items(settings, mappings, session.secrets, {}),
    )
    if source is not None:
        known = sorted(item.source for item in items)
        items = [item for item in items if item.source == source]
        if not items:
            raise CommandError(refusal("source", source, known), code=MISUSE)
    if as_json:
        out.json(items)
        return
    for item in items:
        _show(out, item)


def _secret_text(secret: SecretState, *, alone: bool) -> str:
    """`OLD set, ended at … (last used …)`; the use where there is a choice."""
    state = f"{secret.name} {'set' if secret.is_set else 'not set'}"
    if secret.problem is not None:
        state = f"{secret.name} {secret.problem}"
    if secret.not_after is not None:
        verb = "ended" if has_ended(secret, datetime.now(UTC)) else "ends"
        state += f" and {verb} {_moment(secret.not_after)}"
    if not alone:
        state += (
            f" (last used {_moment(secret.last_used)})" if secret.last_used else " (never used)"
        )
    return state


def _moment(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def _show(out: Output, item: SourceItem) -> None:
    """A paragraph, so that the URL can be copied whole from any terminal."""
    shadow = " (in shadow: bills nothing)" if item.mode == "shadow" else ""
    out.line(Text.assemble((item.source, "bold"), shadow))
    secrets = [_secret_text(secret, alone=len(item.secrets) == 1) for secret in item.secrets]
    last = _moment(item.last_delivery) or "none yet"
    if item.expect_every_seconds is not None:
        last += f", expected every {span(item.expect_every_seconds)}"
    number = f" ({deliveries_counted(item.deliveries)})" if item.deliveries else ""
    facts = {
        "URL": item.url,
        "scheme": item.scheme,
        "window": item.window,
        "secrets": ", ".join(secrets),
        "last": f"{last}{number}",
        "rejected": f"{_moment(item.last_rejection)} {item.last_rejection_cause}"
        if item.last_rejection
        else None,
        "redacts": ", ".join(item.redacts),
        "warning": "; ".join(item.warnings),
        "missing": "; ".join(item.missing),
    }
    out.facts(facts, styles={"missing": "yellow", "warning": "yellow"})
    out.line()
