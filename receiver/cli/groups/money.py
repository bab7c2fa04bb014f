"""The commands of whoever reads the ledger: billing events one by one, what people did to them."""

from __future__ import annotations

from typing import Annotated

import typer

from receiver.cli.common import options as arg
from receiver.cli.common.errors import explained

app = typer.Typer()

_WHICH = "Which billing events"


@app.command()
@explained
def events(
    *,
    agent: Annotated[
        str | None, typer.Option(help="Of this agent.", rich_help_panel=_WHICH)
    ] = None,
    customer: Annotated[
        str | None, typer.Option(help="Of this customer.", rich_help_panel=_WHICH)
    ] = None,
    indicator: Annotated[
        str | None, typer.Option(help="Of this indicator.", rich_help_panel=_WHICH)
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="From this source.", rich_help_panel=_WHICH)
    ] = None,
    rule: Annotated[
        str | None, typer.Option(help="Caused by this rule.", rich_help_panel=_WHICH)
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="charge or reversal.", rich_help_panel=_WHICH)
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="In this currency.", rich_help_panel=_WHICH)
    ] = None,
    delivery: Annotated[
        str | None, typer.Option(help="Posted by this delivery.", rich_help_panel=_WHICH)
    ] = None,
    outcome_key: Annotated[
        str | None,
        typer.Option(help="Of this outcome key, as `show` prints it.", rich_help_panel=_WHICH),
    ] = None,
    since: arg.OccurredSince = None,
    until: arg.OccurredUntil = None,
    recorded_since: arg.RecordedSince = None,
    recorded_until: arg.RecordedUntil = None,
    after: Annotated[
        str | None,
        typer.Option(
            metavar="CURSOR",
            help="Read forwards, in the order of commitment, what is complete behind this cursor;"
            " '' from the first. The cursor to go on from is printed to stderr (--json: next).",
            show_default=False,
        ),
    ] = None,
    limit: arg.Limit = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, all that fit unless --limit says otherwise.")
    ] = False,
    as_jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print one JSON object a line, likewise.")
    ] = False,
    as_json: arg.Json = False,
) -> None:
    """List billing events, latest recorded first (100 unless --limit says otherwise).

    For exports use --after: it misses no line and repeats none.
    """
    from receiver.cli import events as command

    given = {
        "agent": agent,
        "customer": customer,
        "indicator": indicator,
        "source": source,
        "rule": rule,
        "kind": kind,
        "currency": currency,
        "delivery": delivery,
        "outcome_key": outcome_key,
        "since": since,
        "until": until,
        "recorded_since": recorded_since,
        "recorded_until": recorded_until,
    }
    form = command.form_of(as_json=as_json, as_csv=as_csv, as_jsonl=as_jsonl)
    command.events(given, form, after=after, limit=limit)


@app.command()
@explained
def actions(
    kind: Annotated[
        str | None, typer.Option(help="Of this kind only, such as reverse, replay or purge.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="By this person only.")] = None,
    since: Annotated[
        str | None, typer.Option(help="From then on: a time, a date, or 1h for an hour ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before that.")] = None,
    limit: arg.Limit = None,
    *,
    as_json: arg.Json = False,
) -> None:
    """List what people did: replays, discards, corrections, purges; newest first, 100 of them."""
    from receiver.cli import actions as command

    given = {"kind": kind, "actor": actor, "since": since, "until": until}
    command.actions(given, limit=limit, as_json=as_json)


@app.command()
@explained
def exceptions(
    kind: Annotated[
        str | None,
        typer.Option(
            help="waiting-reversal, amount-differs, lookalike-customer or unused-price only."
        ),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, max=1_000, help="Show so many of each kind.")
    ] = 10,
    dismiss: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="Put the exceptions of this outcome key away; may be repeated. Needs --note.",
            show_default=False,
        ),
    ] = None,
    note: Annotated[
        str | None, typer.Option(help="Why it is none; kept with the record of who did it.")
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """List what was taken and not billed as someone may expect, and what fixes it."""
    from receiver.cli import exceptions as command

    if dismiss:
        command.dismiss_them(kind, dismiss, note=note, as_json=as_json)
    else:
        command.exceptions(kind, examples=examples, as_json=as_json)
