"""Count accepted deliveries by state, list processes; exit 1 if the counts do not balance."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.text import Text

from jobs.common.states import DeliveryState
from jobs.common.timestamps import in_utc
from jobs.heartbeat import Alive, alive
from jobs.queries.deliveries.billed import amounts, billed_lately
from jobs.queries.deliveries.status import Status, read_status
from jobs.storage.database import Database
from receiver.cli.common import options as arg
from receiver.cli.common.errors import CommandError
from receiver.cli.common.session import Session
from receiver.terminal.output import Output, counted, state_text

EXAMPLES = ("receiver status", "receiver status --json")

Lately = tuple[int, dict[str, int]]
LATELY_SECONDS = 24 * 3600.0


def status(as_json: arg.Json = False) -> None:
    """Print the balance to stdout and complaints to stderr. CommandError if it does not balance."""
    session, out = Session(), Output(as_json=as_json)
    found, lately, processes = session.run(_look)
    if as_json:
        listed = [_as_json(one) for one in processes]
        out.json({**found.model_dump(mode="json"), "processes": listed})
    else:
        _show(out, found, lately)
        _show_processes(out, processes)
    for complaint in complaints(processes):
        out.say(complaint)
    if not found.balances:
        settled = sum(getattr(found, state) for state in DeliveryState)
        raise CommandError(f"out of balance: {found.accepted} accepted, {settled} accounted for")


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


async def _look(database: Database) -> tuple[Status, Lately, list[Alive]]:
    lately = await billed_lately(database, seconds=LATELY_SECONDS)
    return await read_status(database), lately, await alive(database)


def _as_json(one: Alive) -> dict[str, Any]:
    """A process as programs see it; `host` and `pid` are those of its own machine."""
    host, _, pid = one.name.rpartition(":")
    return {
        "kind": one.role,
        "host": host,
        "pid": int(pid) if pid.isdecimal() else None,
        "since": one.detail.get("since"),
        "last_seen": in_utc(one.seen_at),
        "mapping_version": one.detail.get("mappings"),
    }


def _show(out: Output, found: Status, lately: Lately) -> None:
    out.line(f"{'accepted':<10} {found.accepted:>9}")
    for state in DeliveryState:
        number = f" {getattr(found, state):>{19 - max(len(state), 10)}}"
        out.line(Text.assemble(state_text(f"{state:<10}"), number))
    lines, micros = lately
    billed = f"{amounts(micros)} in {counted(lines, 'billing event')}" if lines else "nothing"
    out.line(f"billed in the last 24 hours: {billed}")
    if found.oldest_received_age_seconds is not None:
        out.line(f"the oldest waits {found.oldest_received_age_seconds:.1f} s")
    if found.balances:
        out.line("in balance: every accepted delivery is accounted for")


def _show_processes(out: Output, processes: list[Alive]) -> None:
    if processes:
        out.line()
        rows = [
            (one.role, one.name, _time(one.detail.get("since")), one.seen_at,
             str(one.detail.get("mappings") or "")[:12] or None)
            for one in processes
        ]  # fmt: skip
        out.table(("process", "where", "since", "last seen", "mappings"), rows)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
