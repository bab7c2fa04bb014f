"""Show the time zone of days and months, or change it: past months change with it.

Prints the months that would change. Stop all processes before the change. Asks first on a
terminal; without one it needs --yes.
"""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from pydantic import TypeAdapter, ValidationError

from jobs.queries.ledger.moved_months import MonthMoved, moved_months
from jobs.timezone import change_timezone
from receiver.cli.common import options as arg
from receiver.cli.common.consent import actor, require_consent
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.session import Session
from receiver.config.settings import TimezoneName
from receiver.terminal.output import Output, counted

EXAMPLES = ("receiver timezone", "receiver timezone Europe/Berlin --dry-run")


def timezone(
    to: Annotated[
        str | None,
        typer.Argument(
            metavar="ZONE", help="The new zone, such as Europe/Berlin.", show_default=False
        ),
    ] = None,
    note: arg.Note = None,
    *,
    dry_run: arg.DryRun = False,
    yes: arg.Yes = False,
    as_json: arg.Json = False,
) -> None:
    """Print the zone, or change it; CommandError without consent."""
    session, out = Session(), Output(as_json=as_json)
    stored = session.timezone
    if to is None:
        out.json_if_asked({"timezone": stored})
        out.line(stored)
        return
    _refuse_unknown(to)
    moved = session.run(moved_months, ZoneInfo(stored), ZoneInfo(to))
    months = len({one.month for one in moved})
    counts = counted(months, "month")
    out.say(f"{stored} → {to}: {counts} would change")
    if not dry_run:
        if months:
            question = "Reports of these months change. Change the time zone?"
            require_consent(out, question, counts=counts, done="changed", yes=yes)
        session.run(change_timezone, to, actor=actor(), note=note)
    _show(out, moved, before=stored, after=to, done=not dry_run)


def _refuse_unknown(name: str) -> None:
    try:
        TypeAdapter(TimezoneName).validate_python(name)
    except ValidationError:
        message = f"no time zone {name[:80]!r} is known; write one such as Europe/Berlin"
        raise CommandError(message, code=MISUSE) from None


def _show(out: Output, moved: list[MonthMoved], *, before: str, after: str, done: bool) -> None:
    months = [one.as_json() for one in moved]
    out.json_if_asked({"before": before, "after": after, "changed": done, "months": months})
    if out.as_json:
        return
    if moved:
        rows = [(one.basis, one.month, one.currency, one.before, one.after) for one in moved]
        out.table(("basis", "month", "currency", f">{before}", f">{after}"), rows)
    out.line(
        f"days and months are in {after} now; prices with a `from` date begin at its midnight"
        if done
        else "nothing was changed"
    )
