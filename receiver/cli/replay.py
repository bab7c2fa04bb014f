"""`replay` and `discard`: counts first, asks on a terminal, then acts."""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from jobs.common.money import money
from jobs.common.states import DeliveryState
from jobs.filters import DeliveryFilter
from jobs.heartbeat import alive
from jobs.mapping_store import MappingsChanged, NoMappingsInForce, mappings_in_force
from jobs.queries.deliveries.listing import unknown_ids
from jobs.queries.identification import IdKind, whole_filter, whole_id
from jobs.replays.dry_run import DryRun, dry_run
from jobs.replays.replay import (
    Discarded,
    ReplayStatus,
    count_selected,
    discard,
    replay_status,
    start_replay,
)
from jobs.storage.database import Database
from receiver.api.filter_params import delivery_filter
from receiver.cli.common.consent import require_consent
from receiver.cli.common.errors import MISUSE, Trouble
from receiver.cli.common.names import refuse_misspelt
from receiver.cli.common.session import Session
from receiver.signatures import RULES
from receiver.terminal.output import Output, counted, deliveries_counted

POLL_SECONDS = 0.2
#: Between two looks at a large replay it is left alone so many times as long as one takes.
POLL_SHARE = 10
#: Waiting for a replay gives up after this long without any worker alive.
WORKERLESS_SECONDS = 30.0
SHOWN_DIFFERENCES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to go about it, as said on the command line."""

    dry_run: bool
    yes: bool
    limit: int | None
    note: str | None
    as_json: bool
    wait: bool = False
    mapping_version: str | None = None


def replay(ids: list[str], given: Mapping[str, str | None], manner: Manner) -> None:
    """Settle deliveries again from their stored bytes."""
    session, out = Session(), Output(as_json=manner.as_json)
    where = session.run(whole_filter, delivery_filter(given, session.zone, ids=ids or None))
    refuse_misspelt(session, where)
    session.run(_refuse_unknown, where)
    if manner.dry_run:
        _show_dry_run(out, _rehearsed(session, out, where, manner))
        return
    matched = session.run(count_selected, where, limit=manner.limit)
    state = where.state or DeliveryState.FAILED
    counts = counted(matched, f"{state} delivery", f"{state} deliveries")
    out.say(f"{counts} to replay")
    if manner.limit is None:
        _hint_at_others(
            out, where, matched, state=f"{state}; name their --state to replay them too"
        )
    if matched:
        question = f"Replay {matched}?"
        require_consent(out, question, counts=counts, done="replayed", yes=manner.yes)
    started = session.run(
        start_replay,
        None,
        where,
        actor=actor(),
        note=manner.note,
        limit=manner.limit,
        mapping_version=manner.mapping_version,
    )
    if manner.wait:
        if started.matched:
            out.say(f"replay {started.id}; once cut off, see it by --follow {started.id}")
        _finish(out, session.run(_wait, out, started.id))
        return
    if manner.as_json:
        out.json(asdict(started))
    elif started.matched:
        out.line(f"replay {started.id} has begun")
    if started.matched and not session.run(alive, role="work"):
        out.say("no worker is alive: it goes on once one runs (`receiver work`)")


def _rehearsed(session: Session, out: Output, where: DeliveryFilter, manner: Manner) -> DryRun:
    """The dry run by the mappings that the running service has in force."""
    try:
        mappings = session.run(mappings_in_force, timezone=session.timezone, schemes=RULES)
    except NoMappingsInForce:
        mappings = session.mappings()
    if manner.mapping_version not in (None, mappings.digest):
        raise MappingsChanged(named=manner.mapping_version or "", in_force=mappings.digest)
    if session.mappings().digest != mappings.digest:
        out.say(
            f"the mappings at {session.settings.mappings} are not those in force, which this goes"
            " by: an edit takes a few seconds, or these are another service's"
        )
    oldest = session.settings.max_outcome_age_days
    return session.run(dry_run, mappings, where, limit=manner.limit, oldest_days=oldest)


def follow(replay_id: str, *, as_json: bool) -> None:
    """Stay with a replay that was begun before, here or elsewhere, until it is done."""
    session, out = Session(), Output(as_json=as_json)
    whole = session.run(whole_id, replay_id, {IdKind.REPLAY})
    _finish(out, session.run(_wait, out, whole))


def discard_them(ids: list[str], given: Mapping[str, str | None], manner: Manner) -> None:
    """Discard failed or ignored deliveries, with a note why."""
    session, out = Session(), Output(as_json=manner.as_json)
    where = session.run(whole_filter, delivery_filter(given, session.zone, ids=ids or None))
    refuse_misspelt(session, where)
    session.run(_refuse_unknown, where)
    if not manner.dry_run and not (manner.note or "").strip():
        raise Trouble("--note is missing; say why these deliveries are discarded", code=MISUSE)

    async def put_away(database: Database, *, dry_run: bool) -> Discarded:
        note = manner.note or ""
        return await discard(
            database, where, actor=actor(), note=note, dry_run=dry_run, limit=manner.limit
        )

    would = session.run(put_away, dry_run=True)
    if manner.dry_run:
        _print(
            out,
            {"matched": would.matched},
            f"{deliveries_counted(would.matched)} would be discarded",
        )
        return
    counts = deliveries_counted(would.matched)
    out.say(f"{counts} to discard")
    if manner.limit is None:
        _hint_at_others(out, where, would.matched, state="failed or ignored")
    if would.matched:
        question = f"Discard {would.matched}?"
        require_consent(out, question, counts=counts, done="discarded", yes=manner.yes)
    done = session.run(put_away, dry_run=False)
    _print(out, asdict(done), f"{deliveries_counted(done.matched)} discarded")


def actor() -> str:
    """Who acts, for the record."""
    try:
        return f"cli:{getpass.getuser()}"[:128]
    except (KeyError, OSError):  # a container's user may have no name
        return "cli"


def _hint_at_others(out: Output, where: DeliveryFilter, matched: int, *, state: str) -> None:
    """Say so where fewer fit than were named: they exist, in another state."""
    others = len(set(where.ids or ())) - matched
    if others > 0:
        out.say(f"{others} of those named {'is' if others == 1 else 'are'} not {state}")


async def _refuse_unknown(database: Database, where: DeliveryFilter) -> None:
    unknown = await unknown_ids(database, where.ids or ())
    if unknown:
        raise Trouble(f"there is no delivery {', '.join(repr(one) for one in unknown[:5])}")


async def _wait(database: Database, out: Output, replay_id: str) -> ReplayStatus:
    """Follow the replay to its end. Raises Trouble where no worker is there to carry it on."""
    workerless_since = None
    with progress_bar(out) as progress:
        task = progress.add_task("settling again", total=None)
        while True:
            asked_at = time.monotonic()
            status = await replay_status(database, replay_id, with_differences=False)
            if status is None:
                raise Trouble(f"there is no replay {replay_id!r}")
            counting_took = time.monotonic() - asked_at
            progress.update(task, completed=status.done, total=status.matched)
            if status.state == "done":
                return await replay_status(database, replay_id) or status
            if await alive(database, role="work"):
                workerless_since = None
            else:
                workerless_since = workerless_since or time.monotonic()
                if time.monotonic() - workerless_since > WORKERLESS_SECONDS:
                    message = f"no worker is alive; replay {replay_id} goes on once one runs"
                    raise Trouble(message)
            await asyncio.sleep(max(POLL_SECONDS, POLL_SHARE * counting_took))


def progress_bar(out: Output) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    quiet = not out.messages.is_terminal
    return Progress(*columns, console=out.messages, transient=True, disable=quiet)


def _finish(out: Output, status: ReplayStatus) -> None:
    counts = (DeliveryState.RECORDED, DeliveryState.IGNORED, DeliveryState.FAILED, "unchanged")
    said = ", ".join(f"{getattr(status, name)} {name}" for name in counts)
    said += _no_body(status.unchanged_no_body)
    if status.not_replayed:
        said += f", {status.not_replayed} not replayed"
    _print(out, asdict(status), f"replay {status.id} is done: {said}")
    _show_differences(out, status.differences)
    if status.not_replayed:
        message = f"{status.not_replayed} were not replayed: other mappings came into force"
        raise Trouble(f"{message}; make the dry run again")
    if status.failed:
        raise Trouble(f"{status.failed} failed again; `receiver failures` says why")


def _show_dry_run(out: Output, found: DryRun) -> None:
    if out.as_json:
        out.json(found.as_json())
        return
    would = ", ".join(f"{number} {state}" for state, number in sorted(found.would.items()))
    would += _no_body(found.unchanged_no_body)
    out.line(f"{deliveries_counted(found.matched)} would settle: {would or 'none fits'}")
    for currency, micros in sorted(found.amounts_micros.items()):
        out.line(f"  would bill {money(micros)} {currency}")
    for one in found.still_failing:
        out.line(f"  still fails: {one['delivery']} {one['reason']}: {one['detail']}")
    _show_differences(out, found.differences)
    out.line(f"  by the mappings {found.mapping_version}")


def _no_body(number: int) -> str:
    """How many of the unchanged ones could not be settled again: their bytes are gone."""
    return f" (unchanged: no-body {number})" if number else ""


def _show_differences(out: Output, differences: list[dict[str, Any]]) -> None:
    for one in differences[:SHOWN_DIFFERENCES]:
        billed, would = _apart(one["billed"], one["would_bill"])
        sides = f"billed {_side(billed)}, now it would be {_side(would)}"
        out.line(f"  differs: {one['delivery']} {one['rule']}: {sides}")
    if len(differences) > SHOWN_DIFFERENCES:
        out.line(f"  … and {len(differences) - SHOWN_DIFFERENCES} more (all with --json)")


def _apart(*sides: dict[str, Any] | None) -> list[dict[str, Any] | None]:
    """Both, with what differs alone, and the currency of what differs in amount."""
    one, other = sides
    if one is None or other is None:
        return [one, other]
    names = {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
    names |= {"currency"} if "amount" in names else set()
    return [{name: value for name, value in side.items() if name in names} for side in (one, other)]


def _side(side: dict[str, Any] | None) -> str:
    if side is None:
        return "nothing"
    return ", ".join(f"{name} {value}" for name, value in side.items() if value is not None)


def _print(out: Output, data: dict[str, Any], text: str) -> None:
    if out.as_json:
        out.json(data)
    else:
        out.line(text)
