"""`status`: whether everything accepted is accounted for, and who is at work."""

from __future__ import annotations

from rich.text import Text

from jobs.database import Database
from jobs.heartbeat import Alive, alive
from jobs.queries.shapes import Status
from jobs.queries.status import read_status
from receiver.cli.output import Output, counted, state_text
from receiver.cli.session import Session
from receiver.cli.trouble import Trouble

STATES = ("received", "recorded", "ignored", "failed", "discarded")


def status(*, as_json: bool) -> None:
    """The balance on stdout; what is amiss on stderr. Exits 1 where it does not balance."""
    session, out = Session(), Output(as_json=as_json)
    found, processes = session.run(_look)
    if as_json:
        out.json(found.model_dump(mode="json"))
    else:
        _show(out, found)
        _show_processes(out, processes)
    for complaint in complaints(processes):
        out.say(complaint)
    if not found.balances:
        settled = sum(getattr(found, state) for state in STATES)
        raise Trouble(f"out of balance: {found.accepted} accepted, {settled} accounted for")


def complaints(processes: list[Alive]) -> list[str]:
    """What is amiss with the processes, one sentence each."""
    found = []
    if not any(one.role == "work" for one in processes):
        found.append("no worker is alive: nothing settles until `receiver work` runs")
    for one in processes:
        who = f"{one.role} {one.name}"
        if one.detail.get("redis") is False:
            found.append(f"{who} has no Redis: settling is slower, nothing is lost")
        if stale := one.detail.get("stale"):
            found.append(f"{who} goes on with an older {', '.join(stale)}: run `receiver check`")
        elif number := one.detail.get("problems"):
            found.append(
                f"{who} has {counted(number, 'problem')} in its mappings: run `receiver check`"
            )
    return found


async def _look(database: Database) -> tuple[Status, list[Alive]]:
    return await read_status(database), await alive(database)


def _show(out: Output, found: Status) -> None:
    out.line(f"{'accepted':<10} {found.accepted:>9}")
    for state in STATES:
        number = f" {getattr(found, state):>{19 - max(len(state), 10)}}"
        out.line(Text.assemble(state_text(f"{state:<10}"), number))
    if found.oldest_received_age_seconds is not None:
        out.line(f"the oldest waits {found.oldest_received_age_seconds:.1f} s")
    if found.balances:
        out.line("in balance: every accepted delivery is accounted for")


def _show_processes(out: Output, processes: list[Alive]) -> None:
    if processes:
        out.line()
        rows = [(one.role, one.name, one.seen_at) for one in processes]
        out.table(("process", "where", "last seen"), rows)
