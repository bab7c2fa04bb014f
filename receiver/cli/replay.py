"""Settle deliveries again from their stored bytes; failed ones unless --state names others.

Bills nothing twice. Asks first on a terminal; without one it needs --yes.
"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

import typer

from jobs.common.money import money
from jobs.common.states import DeliveryState
from jobs.filters import DeliveryFilter
from jobs.heartbeat import alive
from jobs.mapping_store import MappingsChanged, NoMappingsInForce, mappings_in_force
from jobs.queries.identification import IdKind, whole_id
from jobs.replays import dry_run as rehearsal
from jobs.replays.replay import ReplayStatus, count_selected, replay_status, start_replay
from jobs.storage.database import Database
from receiver.cli.common import options as arg
from receiver.cli.common.consent import actor, require_consent
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.filters import hint_at_others, selected
from receiver.cli.common.progress import progress
from receiver.cli.common.session import Session
from receiver.signatures import RULES
from receiver.terminal.output import Output, counted, deliveries_counted

EXAMPLES = (
    "receiver replay --reason unpriced --dry-run",
    "receiver replay --group 5d0c2a9e71f4 --wait",
)

POLL_SECONDS = 0.2
#: The pause between two counts of a large replay, in durations of one count.
POLL_SHARE = 10
#: Waiting for a replay gives up after this long without any worker alive.
WORKERLESS_SECONDS = 30.0
SHOWN_DIFFERENCES = 20


def replay(
    ids: arg.Ids = None,
    *,
    limit: arg.Limit = None,
    note: arg.Note = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for completion; exit 1 if any delivery failed.")
    ] = False,
    follow: Annotated[
        str | None,
        typer.Option(metavar="REPLAY", help="Start no replay; wait for completion of this one."),
    ] = None,
    mapping_version: arg.MappingVersion = None,
    dry_run: arg.DryRun = False,
    yes: arg.Yes = False,
    as_json: arg.Json = False,
    **given: arg.DeliveryFilter,
) -> None:
    """Start a replay, or wait for one; CommandError if a delivery failed again."""
    session, out = Session(), Output(as_json=as_json)
    if follow is not None:
        if ids or any(given.values()) or limit or note or dry_run or mapping_version:
            raise CommandError(
                "--follow takes nothing but --wait and --json: that replay has its own filter",
                code=MISUSE,
            )
        _finish(out, session.run(_wait, out, session.run(whole_id, follow, {IdKind.REPLAY})))
        return
    where = selected(session, ids, given)
    if dry_run:
        _show_dry_run(out, _rehearsed(session, out, where, mapping_version, limit=limit))
        return
    _ask(session, out, where, limit=limit, yes=yes)
    started = session.run(
        start_replay,
        where,
        actor=actor(),
        note=note,
        limit=limit,
        mapping_version=mapping_version,
    )
    if wait:
        if started.matched:
            out.say(f"replay {started.id}; if interrupted, continue with --follow {started.id}")
        _finish(out, session.run(_wait, out, started.id))
        return
    if as_json:
        out.json(started)
    elif started.matched:
        out.line(f"replay {started.id} has begun")
    if started.matched and not session.run(alive, role="work"):
        out.say("no worker is alive: it continues once one runs (`receiver work`)")


def _ask(
    session: Session, out: Output, where: DeliveryFilter, *, limit: int | None, yes: bool
) -> None:
    """Print how many deliveries would be replayed, and require consent."""
    matched = session.run(count_selected, where, limit=limit)
    state = where.state or DeliveryState.FAILED
    counts = counted(matched, f"{state} delivery", f"{state} deliveries")
    out.say(f"{counts} to replay")
    if limit is None:
        hint = f"{state}; name their --state to replay them too"
        hint_at_others(out, where, matched, state=hint)
    if matched:
        require_consent(out, f"Replay {matched}?", counts=counts, done="replayed", yes=yes)


def _rehearsed(
    session: Session,
    out: Output,
    where: DeliveryFilter,
    mapping_version: str | None,
    *,
    limit: int | None,
) -> rehearsal.DryRun:
    """The dry run by the mappings that the running service has in force."""
    try:
        mappings = session.run(mappings_in_force, timezone=session.timezone, schemes=RULES)
    except NoMappingsInForce:
        mappings = session.mappings()
    if mapping_version not in (None, mappings.digest):
        raise MappingsChanged(named=mapping_version or "", in_force=mappings.digest)
    if session.mappings().digest != mappings.digest:
        out.say(
            f"the mappings at {session.settings.mappings} are not those in force, which apply here:"
            " an edit takes a few seconds, or these are another service's"
        )
    oldest = session.settings.max_outcome_age_days
    return session.run(rehearsal.dry_run, mappings, where, limit=limit, oldest_days=oldest)


async def _wait(database: Database, out: Output, replay_id: str) -> ReplayStatus:
    """Follow the replay to its end. Raises CommandError if no worker is alive to continue it."""
    workerless_since = None
    with progress(out, "settling again") as on_step:
        while True:
            asked_at = time.monotonic()
            status = await replay_status(database, replay_id, with_differences=False)
            if status is None:
                raise CommandError(f"there is no replay {replay_id!r}")
            counting_took = time.monotonic() - asked_at
            on_step(status.done, status.matched)
            if status.state == "done":
                return await replay_status(database, replay_id) or status
            if await alive(database, role="work"):
                workerless_since = None
            else:
                workerless_since = workerless_since or time.monotonic()
                if time.monotonic() - workerless_since > WORKERLESS_SECONDS:
                    message = f"no worker is alive; replay {replay_id} continues once one runs"
                    raise CommandError(message)
            await asyncio.sleep(max(POLL_SECONDS, POLL_SHARE * counting_took))


def _finish(out: Output, status: ReplayStatus) -> None:
    counts = (DeliveryState.RECORDED, DeliveryState.IGNORED, DeliveryState.FAILED, "unchanged")
    summary = ", ".join(f"{getattr(status, name)} {name}" for name in counts)
    summary += _no_body(status.unchanged_no_body)
    if status.not_replayed:
        summary += f", {status.not_replayed} not replayed"
    out.json_if_asked(status)
    out.line(f"replay {status.id} is done: {summary}")
    _show_differences(out, status.differences)
    if status.not_replayed:
        message = f"{status.not_replayed} were not replayed: other mappings came into force"
        raise CommandError(f"{message}; make the dry run again")
    if status.failed:
        raise CommandError(f"{status.failed} failed again; see `receiver failures`")


def _show_dry_run(out: Output, found: rehearsal.DryRun) -> None:
    if out.as_json:
        out.json(found.as_json())
        return
    would = ", ".join(f"{number} {state}" for state, number in sorted(found.would.items()))
    would += _no_body(found.unchanged_no_body)
    out.line(f"{deliveries_counted(found.matched)} would settle: {would or 'none matches'}")
    for currency, micros in sorted(found.amounts_micros.items()):
        out.line(f"  would bill {money(micros)} {currency}")
    for failure in found.still_failing:
        out.line(f"  still fails: {failure['delivery']} {failure['reason']}: {failure['detail']}")
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
