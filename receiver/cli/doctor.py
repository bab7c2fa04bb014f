"""Check the installation; print each problem with its remediation, and exit 1 if there is one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer
import uvloop
from rich.text import Text

from jobs.alerts.alert import Alert, detail_of
from jobs.alerts.dispatcher import NotPosted
from jobs.audits.scrub import PAGE
from jobs.common.ids import new_id
from jobs.common.problem import Problem
from jobs.queue.doorbell import Doorbell
from jobs.storage.database import open_database
from mappings.engine.loading.load import load
from receiver.alerting.sender import sender_of
from receiver.cli.common import options as arg
from receiver.cli.common.errors import CommandError
from receiver.cli.common.explanations import explanation
from receiver.cli.common.session import Session, refuse_missing_file
from receiver.health.check import CheckContext, CheckResult
from receiver.health.doctor import examine
from receiver.signatures import RULES
from receiver.sources.secrets import Secrets
from receiver.terminal.output import Output, counted

EXAMPLES = ("receiver doctor", "receiver doctor --send-test-alert")

STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}
#: An audit of everything shows how far it is this often.
PROGRESS_EVERY = 10_000

TEST_KIND = "test"
TEST_PROBLEM = Problem(
    "test alert of the receiver: alerts arrive here", name=TEST_KIND, commands=("receiver doctor",)
)


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
    """Print the result of each check; raise CommandError if one found a problem."""
    if test_alert:
        _send_test_alert(as_json=as_json)
        return
    session, out = Session(), Output(as_json=as_json)
    # They may be read from the database, by an event loop of their own.
    results = uvloop.run(_examine(session, session.secrets, out, is_full=full))
    if as_json:
        out.json([result.as_json() for result in results])
    skipped = [result for result in results if result.is_skipped]
    if skipped:
        reason = skipped[0].problems[0].summary
        out.line(Text(f"{reason}: {_names(skipped)}", style="bold red"))
    bad = [result for result in results if result.has_problem and not result.is_skipped]
    if bad:
        left = f"; {len(skipped)} could not run" if skipped else ""
        raise CommandError(f"{counted(len(bad), 'check')} found a problem: {_names(bad)}{left}")
    out.line("nothing is wrong")


async def _examine(
    session: Session, secrets: Secrets, out: Output, *, is_full: bool
) -> list[CheckResult]:
    settings = session.settings
    context = CheckContext(
        settings=settings,
        database=open_database(settings.database, pool_size=2),
        doorbell=Doorbell(settings.redis),
        secrets=secrets,
        mappings=load({}, timezone=settings.timezone_name, schemes=RULES),
        in_doctor=True,
        is_full=is_full,
        on_progress=partial(_show_progress, out),
    )
    results: list[CheckResult] = []
    try:
        ensure = partial(refuse_missing_file, settings)
        async for result in examine(context, _explain, ensure_database=ensure):
            results.append(result)
            if not result.is_skipped:
                _show(out, result)
    finally:
        await context.doorbell.close()
        await asyncio.shield(context.database.close())
    return results


def _explain(error: Exception) -> str | None:
    known = error if isinstance(error, CommandError) else explanation(error)
    return None if known is None else str(known)


def _show_progress(out: Output, audit: str, number: int) -> None:
    if number >= PROGRESS_EVERY and number % PROGRESS_EVERY < PAGE:
        out.say(f"{audit}: {number} audited")


def _names(results: list[CheckResult]) -> str:
    return ", ".join(result.name for result in results)


def _show(out: Output, result: CheckResult) -> None:
    """The check and what it examined; under it what it found, each with what to do."""
    head = (f"{result.status:<8}", STYLES[result.status])
    if result.has_problem:
        out.line(Text.assemble(head, (result.name, "bold")))
    else:
        out.line(Text.assemble(head, (f"{result.name:<11}", "bold"), f"  {result.summary}"))
    for problem in result.problems:
        _show_problem(out, problem)


def _show_problem(out: Output, problem: Problem) -> None:
    out.line(Text(f"          {problem.full_summary}", style=STYLES[problem.severity]))
    if problem.remediation:
        out.line(f"            {problem.remediation}")
    for command in problem.commands:
        out.line(f"            $ {command}")


def _send_test_alert(*, as_json: bool) -> None:
    """Post a test alert; CommandError if no channel is configured or it rejects the alert."""
    session, out = Session(), Output(as_json=as_json)
    sender = sender_of(session.settings)
    if sender is None:
        raise CommandError(
            "alerts are off: set RECEIVER_ALERT_URL to the address that takes them, such as a"
            " Slack incoming webhook, then send the test alert again"
        )
    alert = Alert(
        key=TEST_KIND,
        id=new_id(),
        kind=TEST_KIND,
        detail=detail_of(TEST_PROBLEM),
        opened_at=datetime.now(UTC),
        is_resolved=False,
        attempts=1,
    )
    try:
        status = asyncio.run(sender.post(alert))
    except NotPosted as error:
        raise CommandError(
            f"the test alert was not accepted: {error}; check RECEIVER_ALERT_URL, and that this"
            " machine reaches it"
        ) from error
    out.json_if_asked({"id": alert.id, "format": sender.format, "status": status})
    out.line(f"the test alert was answered {status} (posted as {sender.format}, id {alert.id})")
