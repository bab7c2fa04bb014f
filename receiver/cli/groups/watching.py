"""The commands of whoever looks after the whole: balance, sources, rules, money."""

from __future__ import annotations

from typing import Annotated

import typer

from receiver.cli.common import options as arg
from receiver.cli.common.errors import explained

app = typer.Typer()


@app.command()
@explained
def status(as_json: arg.Json = False) -> None:
    """Count what was accepted and what became of it; exit 1 if that does not balance."""
    from receiver.cli import status as command

    command.status(as_json=as_json)


@app.command()
@explained
def doctor(
    full: Annotated[
        bool,
        typer.Option("--full", help="Look at every key and delivery, however long it takes."),
    ] = False,
    test_alert: Annotated[
        bool,
        typer.Option(
            "--send-test-alert",
            help="Only post a test alert to RECEIVER_ALERT_URL, and show what answered.",
        ),
    ] = False,
    as_json: arg.Json = False,
) -> None:
    """Look for whatever is wrong, and say what mends it; exit 1 if there is a problem."""
    from receiver.cli import doctor as command
    from receiver.cli import test_alert as alerting

    if test_alert:
        alerting.send_test_alert(as_json=as_json)
        return
    command.doctor(is_full=full, as_json=as_json)


@app.command()
@explained
def sources(
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help="Only this source.", show_default=False),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """List the sources: URL to paste, scheme, secrets set or not, last delivery."""
    from receiver.cli import sources as command

    command.sources(source, as_json=as_json)


@app.command()
@explained
def tail(
    *,
    url: Annotated[
        str | None,
        typer.Option(
            help="A service elsewhere, by its API; its token is RECEIVER_ADMIN_TOKEN.",
            show_default=False,
        ),
    ] = None,
    source: arg.Source = None,
    state: arg.State = None,
    reason: arg.Reason = None,
    rule: arg.Rule = None,
    since: arg.Since = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON document on each line.")] = False,
) -> None:
    """Show deliveries as they settle, and requests that are refused, until Ctrl-C."""
    from receiver.cli import tail as command

    given = {"state": state, "reason": reason, "source": source, "rule": rule, "since": since}
    command.tail(given, url=url, as_json=as_json)


@app.command()
@explained
def rules(as_json: arg.Json = False) -> None:
    """List the rules: how often each matched or erred, and which never matched."""
    from receiver.cli import rules as command

    command.rules(as_json=as_json)


@app.command()
@explained
def purge(
    customer: Annotated[str, typer.Option(help="The customer's id, as it was billed.")],
    note: Annotated[
        str | None, typer.Option(help="Why; kept with the record of who did it.")
    ] = None,
    *,
    dry_run: arg.DryRun = False,
    yes: arg.Yes = False,
    as_json: arg.Json = False,
) -> None:
    """Erase a customer: a pseudonym in the ledger, its bodies and tags gone, all sums as they were.

    Cannot be undone; can be run again at any time. Asks first on a terminal; without one it needs
    --yes.
    """
    from receiver.cli import purge as purging

    purging.purge_customer(customer, note=note, dry_run=dry_run, yes=yes, as_json=as_json)


@app.command()
@explained
def timezone(
    to: Annotated[
        str | None,
        typer.Argument(
            metavar="ZONE", help="The new one, as in Europe/Berlin.", show_default=False
        ),
    ] = None,
    note: Annotated[
        str | None, typer.Option(help="Why; kept with the record of who did it.")
    ] = None,
    *,
    dry_run: arg.DryRun = False,
    yes: arg.Yes = False,
    as_json: arg.Json = False,
) -> None:
    """Show the time zone of days and months, or change it: past months change with it.

    Shows first which months would change. Stop all processes before. Asks first on a terminal;
    without one it needs --yes.
    """
    from receiver.cli import timezone as command

    command.timezone(to, note=note, dry_run=dry_run, yes=yes, as_json=as_json)


@app.command()
@explained
def revenue(
    *,
    by: Annotated[
        list[str] | None,
        typer.Option(help="agent, customer, indicator, day, month; repeat or separate by commas."),
    ] = None,
    basis: Annotated[
        str | None,
        typer.Option(help="occurred (default), or recorded: never changes once a period is past."),
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Of this agent only.")] = None,
    customer: Annotated[str | None, typer.Option(help="Of this customer only.")] = None,
    indicator: Annotated[str | None, typer.Option(help="Of this indicator only.")] = None,
    source: Annotated[str | None, typer.Option(help="Of this source only.")] = None,
    rule: Annotated[str | None, typer.Option(help="Billed by this rule only.")] = None,
    kind: Annotated[str | None, typer.Option(help="charge or reversal.")] = None,
    currency: Annotated[str | None, typer.Option(help="In this currency only.")] = None,
    since: arg.OccurredSince = None,
    until: arg.OccurredUntil = None,
    recorded_since: arg.RecordedSince = None,
    recorded_until: arg.RecordedUntil = None,
    as_json: arg.Json = False,
) -> None:
    """Sum what was billed, by currency and whatever --by names."""
    from receiver.cli import revenue as command

    given = {
        "agent": agent,
        "customer": customer,
        "indicator": indicator,
        "source": source,
        "rule": rule,
        "kind": kind,
        "currency": currency,
        "since": since,
        "until": until,
        "recorded_since": recorded_since,
        "recorded_until": recorded_until,
    }
    command.revenue(by or [], given, basis_name=basis, as_json=as_json)
