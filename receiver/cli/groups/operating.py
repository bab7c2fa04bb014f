"""The commands of whoever keeps it running: what came, what failed, settle it again."""

from __future__ import annotations

from typing import Annotated

import typer

from receiver.cli.common import options as arg
from receiver.cli.common.errors import MISUSE, Trouble, explained

app = typer.Typer()

_NOTE = "Why; kept with the record of who did it."
_CHARGES = "Which charges"


@app.command()
@explained
def deliveries(
    ids: arg.Ids = None,
    *,
    state: arg.State = None,
    reason: arg.Reason = None,
    source: arg.Source = None,
    rule: arg.Rule = None,
    group: arg.Group = None,
    since: arg.Since = None,
    until: arg.Until = None,
    limit: arg.Limit = None,
    as_json: arg.Json = False,
) -> None:
    """List deliveries, newest first (100 unless --limit says otherwise)."""
    from receiver.cli import deliveries as lists

    given = _filter(state, reason, source, rule, group, since, until)
    lists.deliveries(ids or [], given, limit=limit, as_json=as_json)


@app.command()
@explained
def rejections(
    source: Annotated[
        str | None, typer.Option(help="Of this source; unknown for those not configured.")
    ] = None,
    cause: Annotated[str | None, typer.Option(help="Of this cause only.")] = None,
    since: Annotated[
        str | None, typer.Option(help="From then on: a time, a date, or 1h for an hour ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before that.")] = None,
    limit: arg.Limit = None,
    *,
    as_json: arg.Json = False,
) -> None:
    """List requests that were not taken, and why (the last 1,000 are kept)."""
    from receiver.cli import rejections as command

    given = {"source": source, "cause": cause, "since": since, "until": until}
    command.rejections(given, limit=limit, as_json=as_json)


@app.command()
@explained
def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Of a delivery (ours or the vendor's), billing event, outcome, outcome key or its"
            " value, replay, action, or mapping version; or the start of one.",
        ),
    ],
    as_json: arg.Json = False,
) -> None:
    """Tell the story of whatever an id names: of a delivery, its bytes and what they billed."""
    from receiver.cli import show as command

    command.show(what, as_json=as_json)


@app.command()
@explained
def failures(
    *,
    reason: arg.Reason = None,
    source: arg.Source = None,
    rule: arg.Rule = None,
    group: arg.Group = None,
    since: arg.Since = None,
    until: arg.Until = None,
    as_json: arg.Json = False,
) -> None:
    """Group what failed by cause, with what mends it and the command that replays it."""
    from receiver.cli import failures as command

    command.failures(_filter(None, reason, source, rule, group, since, until), as_json=as_json)


@app.command()
@explained
def replay(
    ids: arg.Ids = None,
    *,
    state: arg.State = None,
    reason: arg.Reason = None,
    source: arg.Source = None,
    rule: arg.Rule = None,
    group: arg.Group = None,
    since: arg.Since = None,
    until: arg.Until = None,
    limit: arg.Limit = None,
    note: Annotated[str | None, typer.Option(help=_NOTE)] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until done; 1 if any failed.")] = False,
    follow: Annotated[
        str | None,
        typer.Option(metavar="REPLAY", help="Begin none: stay with this one until it is done."),
    ] = None,
    mapping_version: arg.MappingVersion = None,
    dry_run: arg.DryRun = False,
    yes: arg.Yes = False,
    as_json: arg.Json = False,
) -> None:
    """Settle deliveries again from their stored bytes; failed ones unless --state names others.

    Bills nothing twice. Asks first on a terminal; without one it needs --yes.
    """
    from receiver.cli import replay as replaying

    manner = replaying.Manner(
        dry_run=dry_run,
        yes=yes,
        limit=limit,
        note=note,
        wait=wait,
        as_json=as_json,
        mapping_version=mapping_version,
    )
    given = _filter(state, reason, source, rule, group, since, until)
    if follow is None:
        replaying.replay(ids or [], given, manner)
    elif ids or any(given.values()) or limit or note or dry_run or mapping_version:
        raise Trouble(
            "--follow takes nothing but --wait and --json: that replay has its own filter",
            code=MISUSE,
        )
    else:
        replaying.follow(follow, as_json=as_json)


@app.command()
@explained
def discard(
    ids: arg.Ids = None,
    *,
    state: arg.State = None,
    reason: arg.Reason = None,
    source: arg.Source = None,
    rule: arg.Rule = None,
    group: arg.Group = None,
    since: arg.Since = None,
    until: arg.Until = None,
    limit: arg.Limit = None,
    note: Annotated[str | None, typer.Option(help=_NOTE)] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Nothing to wait for: it is done at once.")
    ] = False,
    dry_run: arg.DryRun = False,
    yes: arg.Yes = False,
    as_json: arg.Json = False,
) -> None:
    """Put failed or ignored deliveries away, with a --note why; a replay can take them up again.

    Asks first on a terminal; without one it needs --yes.
    """
    from receiver.cli import replay as replaying

    manner = replaying.Manner(
        dry_run=dry_run, yes=yes, limit=limit, note=note, wait=wait, as_json=as_json
    )
    given = _filter(state, reason, source, rule, group, since, until)
    replaying.discard_them(ids or [], given, manner)


@app.command()
@explained
def reverse(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            help="Billing event ids, delivery ids for all that they charged, or outcome keys.",
            show_default=False,
        ),
    ] = None,
    *,
    source: arg.Source = None,
    rule: Annotated[
        str | None, typer.Option(help="The rule that billed.", rich_help_panel=_CHARGES)
    ] = None,
    since: arg.OccurredSince = None,
    until: arg.OccurredUntil = None,
    recorded_since: arg.RecordedSince = None,
    recorded_until: arg.RecordedUntil = None,
    received_since: arg.ReceivedSince = None,
    received_until: arg.ReceivedUntil = None,
    agent: Annotated[
        str | None, typer.Option(help="Whose outcome it was.", rich_help_panel=_CHARGES)
    ] = None,
    customer: Annotated[
        str | None, typer.Option(help="Who was billed.", rich_help_panel=_CHARGES)
    ] = None,
    indicator: Annotated[
        str | None, typer.Option(help="What was billed.", rich_help_panel=_CHARGES)
    ] = None,
    rebill: Annotated[
        bool,
        typer.Option("--rebill", help="Bill instead what the mapping gives now, on the old day."),
    ] = False,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DELIVERY",
            help="With --rebill: bill what this recorded delivery says of the same outcome.",
        ),
    ] = None,
    note: Annotated[str | None, typer.Option(help=_NOTE)] = None,
    limit: arg.Limit = None,
    mapping_version: arg.MappingVersion = None,
    dry_run: arg.DryRun = False,
    yes: arg.Yes = False,
    as_json: arg.Json = False,
) -> None:
    """Take open charges back by hand, with a --note why; with --rebill, bill them again.

    What is taken back already stays as it is. Asks first on a terminal; without one it needs --yes.
    """
    from receiver.cli import reverse as reversing

    manner = reversing.Manner(
        rebill=rebill,
        origin=origin,
        dry_run=dry_run,
        yes=yes,
        limit=limit,
        note=note,
        as_json=as_json,
        mapping_version=mapping_version,
    )
    given = {
        "source": source,
        "rule": rule,
        "since": since,
        "until": until,
        "recorded_since": recorded_since,
        "recorded_until": recorded_until,
        "received_since": received_since,
        "received_until": received_until,
        "agent": agent,
        "customer": customer,
        "indicator": indicator,
    }
    reversing.reverse(ids or [], given, manner)


@app.command()
@explained
def reinstate(
    ids: Annotated[
        list[str],
        typer.Argument(
            help="The charge, or the line that took it back; a delivery, an outcome key, or what"
            " `reverse` printed as its action, for all that was taken back.",
        ),
    ],
    *,
    note: Annotated[str | None, typer.Option(help=_NOTE)] = None,
    dry_run: arg.DryRun = False,
    yes: arg.Yes = False,
    as_json: arg.Json = False,
) -> None:
    """Bring back charges that were taken back by hand, at their amount and day, with a --note why.

    Asks first on a terminal; without one it needs --yes.
    """
    from receiver.cli import reverse as reversing

    reversing.reinstate(ids, note=note, dry_run=dry_run, yes=yes, as_json=as_json)


def _filter(
    state: str | None,
    reason: str | None,
    source: str | None,
    rule: str | None,
    group: str | None,
    since: str | None,
    until: str | None,
) -> dict[str, str | None]:
    return {
        "state": state,
        "reason": reason,
        "source": source,
        "rule": rule,
        "group": group,
        "since": since,
        "until": until,
    }
