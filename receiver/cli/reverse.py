"""`reverse`: charges taken back by hand, or rebilled; `reinstate`: brought back.

Both count first, then act.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.common.money import money
from jobs.corrections.charges import ChargeFilter, OpenChargeSummary, named_wrongly, standing
from jobs.corrections.manual import CorrectionKind
from jobs.corrections.remapper import Remapper, find_origin
from jobs.corrections.request import CorrectionPlan, CorrectionRequest, ReinstatementRequest
from jobs.corrections.result import CorrectionResult
from jobs.corrections.reversed_charges import NAMES_NOTHING, find_named
from jobs.corrections.runner import correct, rehearse
from jobs.mapping_store import MappingsChanged, refuse_changed
from jobs.queries.identification import IdKind, whole_id, whole_ids
from jobs.storage.database import Database
from receiver.api.filter_params import charge_filter, usable_ids
from receiver.cli.common.consent import can_ask, require_consent
from receiver.cli.common.errors import MISUSE, PROBLEM, Trouble
from receiver.cli.common.names import refuse_misspelt
from receiver.cli.common.session import Session
from receiver.cli.replay import actor, progress_bar
from receiver.terminal.output import Output, counted

#: Changes and refusals that are printed; `--json` has more.
SHOWN = 20
#: What was done, and why others are unchanged.
WORDS: Mapping[CorrectionKind, tuple[str, str]] = {
    "reverse": ("reversed", "taken back already"),
    "rebill": ("rebilled", "nothing to change"),
    "reinstate": ("reinstated", "billed already"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to go about it, as said on the command line."""

    rebill: bool
    origin: str | None
    dry_run: bool
    yes: bool
    limit: int | None
    note: str | None
    as_json: bool
    mapping_version: str | None = None


def reverse(ids: list[str], given: Mapping[str, str | None], manner: Manner) -> None:
    """Correct open charges by hand; Trouble where one of them is refused."""
    session, out = Session(), Output(as_json=manner.as_json)
    whole = session.run(whole_ids, ids, {IdKind.BILLING_EVENT, IdKind.DELIVERY}) if ids else None
    where = charge_filter(given, session.zone, ids=whole)
    if not manner.dry_run and not (manner.note or "").strip():
        raise Trouble("--note is missing; say why these charges are corrected", code=MISUSE)
    if manner.origin is not None and not manner.rebill:
        raise Trouble("--from says what to bill instead; add --rebill", code=MISUSE)
    refuse_misspelt(session, where)
    request = _request(session, where, manner)
    session.run(_refuse_wrong, where)
    if manner.dry_run:
        _print(out, session.run(rehearse, request), would=True)
        return
    found = session.run(standing, where, limit=manner.limit)
    verb, done = ("rebill", "rebilled") if manner.rebill else ("reverse", "reversed")
    counts = counted(found.matched, "open charge")
    out.say(f"{counts} to {verb}{_sums(found)}")
    if not found.matched and not found.unchanged:
        out.say("nothing that fits has an open charge; `receiver show ID` says what it billed")
    if found.matched:
        if manner.rebill and not manner.yes and can_ask():
            _tell(out, session.run(rehearse, request))
        question = f"{verb.capitalize()} {found.matched}?"
        require_consent(out, question, counts=counts, done=done, yes=manner.yes)
    _print(out, session.run(_correct, out, request, manner.note or "", found.matched), would=False)


def reinstate(ids: list[str], *, note: str | None, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Take reversals by hand back; Trouble where one of them is refused."""
    session, out = Session(), Output(as_json=as_json)
    if not dry_run and not (note or "").strip():
        raise Trouble("--note is missing; say why these charges are reinstated", code=MISUSE)
    kinds = {IdKind.BILLING_EVENT, IdKind.DELIVERY, IdKind.ACTION}
    whole = session.run(whole_ids, usable_ids(ids, "charges"), kinds)
    named, unknown = session.run(find_named, whole)
    if unknown:
        raise Trouble("; ".join(NAMES_NOTHING.format(one) for one in unknown[:5]))
    request = ReinstatementRequest(named)
    would = session.run(rehearse, request)
    if dry_run:
        _print(out, would, would=True)
        return
    sums = ", ".join(f"{one['amount']} {one['currency']}" for one in would.amounts)
    counts = counted(would.corrected, "charge")
    out.say(f"{counts} to reinstate{f': {sums}' if sums else ''}")
    if would.corrected:
        question = f"Reinstate {would.corrected}?"
        require_consent(out, question, counts=counts, done="reinstated", yes=yes)
    _print(out, session.run(_correct, out, request, note or "", would.done), would=False)


def _request(session: Session, where: ChargeFilter, manner: Manner) -> CorrectionRequest:
    remapper = None
    session.run(refuse_other_mappings, manner.mapping_version)
    if manner.rebill:
        oldest = session.settings.max_outcome_age_days
        origin = None
        if manner.origin is not None:
            delivery = session.run(whole_id, manner.origin, {IdKind.DELIVERY})
            origin = session.run(find_origin, delivery)
        mappings = session.mappings_in_force()
        if manner.mapping_version not in (None, mappings.digest):  # taken up since
            raise MappingsChanged(named=manner.mapping_version or "", in_force=mappings.digest)
        remapper = Remapper(mappings, oldest_days=oldest, origin=origin)
    return CorrectionRequest(where=where, remapper=remapper, limit=manner.limit)


async def refuse_other_mappings(database: Database, named: str | None) -> None:
    """Raise MappingsChanged where other mappings are in force than the dry run went by."""
    async with database.read() as connection:
        await refuse_changed(connection, named)


async def _refuse_wrong(database: Database, where: ChargeFilter) -> None:
    wrong = await named_wrongly(database, where.ids or ())
    if wrong:
        raise Trouble("; ".join([one.says for one in wrong.values()][:5]))


async def _correct(
    database: Database, out: Output, request: CorrectionPlan, note: str, matched: int
) -> CorrectionResult:
    with progress_bar(out) as progress:
        task = progress.add_task("correcting", total=matched)
        return await correct(
            database,
            request,
            actor=actor(),
            note=note,
            on_step=lambda done: progress.update(task, completed=done),
        )


def _sums(found: OpenChargeSummary) -> str:
    sums = [f"{money(micros)} {one}" for one, micros in sorted(found.amounts_micros.items())]
    return f": {', '.join(sums)}" if sums else ""


def _print(out: Output, found: CorrectionResult, *, would: bool) -> None:
    """The result; Trouble if a charge is refused."""
    if out.as_json:
        out.json(found.as_json())
    else:
        _summarize(out, found, would=would)
    if found.refused:
        were = "would be" if would else "were" if found.refused > 1 else "was"
        raise Trouble(f"{counted(found.refused, 'charge')} {were} refused", code=PROBLEM)


def _summarize(out: Output, found: CorrectionResult, *, would: bool) -> None:
    done, why = WORDS[found.kind]
    done = f"would be {done}" if would else done
    parts = [f"{counted(found.corrected, 'charge')} {done}"]
    if found.unchanged:
        parts.append(f"{found.unchanged} unchanged ({why})")
    if found.refused:
        parts.append(f"{found.refused} refused")
    out.line(", ".join(parts) + (f"; action {found.id}" if found.id else ""))
    for one in found.amounts:
        out.line(f"  {one['amount']} {one['currency']}")
    for one in found.refusals[:SHOWN]:
        what = one["billing_event"]
        what += f" of delivery {one['delivery']}" if one["delivery"] else ""
        out.line(f"  refused: {what}: {one['reason']}")
    _tell_changes(out, found.changes)


def _tell(out: Output, found: CorrectionResult) -> None:
    """What would come of it, to whoever is asked."""
    sums = ", ".join(f"{one['amount']} {one['currency']}" for one in found.amounts)
    parts = f"{found.corrected} would change ({sums or 'no money'}), {found.unchanged} would not"
    out.say(f"{parts}, {found.refused} would be refused")


def _tell_changes(out: Output, changes: list[dict[str, Any]]) -> None:
    for one in changes[:SHOWN]:
        billed = "taken back" if one["billed"] is None else _side(one["billed"])
        now = "taken back" if one["now"] is None else f"now {_side(one['now'])}"
        out.line(f"  {one['billing_event']} {one['rule']}: {billed}, {now}")
    if len(changes) > SHOWN:
        out.line(f"  … and {len(changes) - SHOWN} more (with --json up to 1,000)")


def _side(side: dict[str, Any]) -> str:
    triple = " / ".join(side[name] for name in ("agent_id", "customer_id", "indicator"))
    return f"{side['amount']} {side['currency']} for {triple}"
