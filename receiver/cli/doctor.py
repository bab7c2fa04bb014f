"""Check the installation; print each problem with its remedy, and exit 1 if there is one."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import typer
import uvloop
from rich.text import Text

from jobs.audits.scrub import PAGE
from jobs.storage.database import open_database
from receiver.cli.common import options as arg
from receiver.cli.common.errors import CommandError
from receiver.cli.common.explanations import explanation
from receiver.cli.common.session import Session, refuse_missing_file
from receiver.cli.test_alert import send_test_alert
from receiver.health.problem import Checked
from receiver.health.registry import examine
from receiver.sources.secrets import Secrets
from receiver.terminal.output import Output, counted

EXAMPLES = ("receiver doctor", "receiver doctor --send-test-alert")

STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}
#: An audit that looks at everything says how far it is this often.
TELL_EVERY = 10_000


def doctor(
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Check every key and delivery, however long it takes.")
    ] = False,
    test_alert: Annotated[
        bool,
        typer.Option(
            "--send-test-alert",
            help="Only post a test alert to RECEIVER_ALERT_URL, and show the answer.",
        ),
    ] = False,
    as_json: arg.Json = False,
) -> None:
    """Print each check; raise CommandError if one found a problem."""
    if test_alert:
        send_test_alert(as_json=as_json)
        return
    session, out = Session(), Output(as_json=as_json)
    # They may be read from the database, by an event loop of their own.
    checked = uvloop.run(_examine(session, session.secrets, out, is_full=full))
    if as_json:
        out.json([one.as_json() for one in checked])
    skipped = [one for one in checked if one.is_skipped]
    if skipped:
        out.line(Text(f"{skipped[0].report.findings[0].says}: {_names(skipped)}", style="bold red"))
    bad = [one for one in checked if one.status == "problem" and not one.is_skipped]
    if bad:
        left = f"; {len(skipped)} could not be made" if skipped else ""
        raise CommandError(f"{counted(len(bad), 'check')} found a problem: {_names(bad)}{left}")
    out.line("nothing is wrong")


async def _examine(
    session: Session, secrets: Secrets, out: Output, *, is_full: bool
) -> list[Checked]:
    settings = session.settings
    database = open_database(settings.database, pool_size=2)
    found: list[Checked] = []
    try:
        async for checked in examine(
            settings,
            database,
            secrets,
            _explain,
            is_there=partial(refuse_missing_file, settings),
            is_full=is_full,
            tell=partial(_tell, out),
        ):
            found.append(checked)
            if not checked.is_skipped:
                _show(out, checked)
    finally:
        await asyncio.shield(database.close())
    return found


def _explain(error: Exception) -> str | None:
    said = error if isinstance(error, CommandError) else explanation(error)
    return None if said is None else str(said)


def _tell(out: Output, audit: str, number: int) -> None:
    if number >= TELL_EVERY and number % TELL_EVERY < PAGE:
        out.say(f"{audit}: {number} looked at")


def _names(checked: list[Checked]) -> str:
    return ", ".join(one.name for one in checked)


def _show(out: Output, checked: Checked) -> None:
    """The check and what it looked at; under it what it found, each with its mend."""
    head = (f"{checked.status:<8}", STYLES[checked.status])
    says = "" if checked.status == "problem" else f"  {checked.report.says}"
    out.line(Text.assemble(head, (f"{checked.name:<11}", "bold"), says))
    for finding in checked.report.findings:
        style = STYLES["problem" if finding.is_problem else "note"]
        out.line(Text(f"          {finding.says}", style=style))
        if finding.remediation:
            out.line(f"            {finding.remediation}")
