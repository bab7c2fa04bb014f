"""Reverse open charges by hand, with a --note why; with --rebill, bill them again.

Charges that are reversed already stay unchanged. Asks first on a terminal; without one it needs
--yes.
"""

from __future__ import annotations

from typing import Annotated

import typer

from jobs.common.money import money
from jobs.corrections.charges import OpenChargeSummary, named_wrongly, open_charge_summary
from jobs.corrections.remapper import Remapper, find_origin
from jobs.corrections.request import CorrectionRequest
from jobs.corrections.result import CorrectionResult
from jobs.corrections.runner import rehearse
from jobs.filters import ChargeFilter
from jobs.mapping_store import MappingsChanged, refuse_changed
from jobs.queries.identification import IdKind, whole_id, whole_ids
from jobs.storage.database import Database
from receiver.cli.common import options as arg
from receiver.cli.common.consent import can_ask, require_consent, require_note
from receiver.cli.common.corrections import correct_with_progress, print_result
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.filters import refuse_misspelt
from receiver.cli.common.session import Session
from receiver.terminal.output import Output, counted

EXAMPLES = (
    "receiver reverse 01a208ed --note 'test ticket'",
    "receiver reverse --customer acme --rebill --note 'wrong price' --dry-run",
)


def reverse(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            help="Billing event ids, delivery ids for all that they charged, or outcome keys.",
            show_default=False,
        ),
    ] = None,
    *,
    rebill: Annotated[
        bool,
        typer.Option("--rebill", help="Bill what the mapping gives now instead, on the old day."),
    ] = False,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DELIVERY",
            help="With --rebill: bill what this recorded delivery gives for the same outcome.",
        ),
    ] = None,
    note: arg.Note = None,
    limit: arg.Limit = None,
    mapping_version: arg.MappingVersion = None,
    dry_run: arg.DryRun = False,
    yes: arg.Yes = False,
    as_json: arg.Json = False,
    **given: arg.ChargeFilter,
) -> None:
    """Correct open charges by hand; CommandError if one of them is refused."""
    session, out = Session(), Output(as_json=as_json)
    whole = session.run(whole_ids, ids, {IdKind.BILLING_EVENT, IdKind.DELIVERY}) if ids else None
    where = ChargeFilter.parse(given, session.zone, ids=whole)
    if not dry_run:
        note = require_note(note, "say why these charges are corrected")
    if origin is not None and not rebill:
        raise CommandError("--from names what to bill instead; add --rebill", code=MISUSE)
    refuse_misspelt(session, where)
    session.run(_refuse_other_mappings, mapping_version)
    remapper = _remapper(session, origin, mapping_version) if rebill else None
    request = CorrectionRequest(where=where, remapper=remapper, limit=limit)
    session.run(_refuse_wrong, where)
    if dry_run:
        print_result(out, session.run(rehearse, request), would=True)
        return
    found = session.run(open_charge_summary, where, limit=limit)
    verb, done = ("rebill", "rebilled") if rebill else ("reverse", "reversed")
    counts = counted(found.matched, "open charge")
    out.say(f"{counts} to {verb}{_sums(found)}")
    if not found.matched and not found.unchanged:
        out.say("no charge that matches is open; `receiver show ID` shows what it billed")
    if found.matched:
        if rebill and not yes and can_ask():
            _preview(out, session.run(rehearse, request))
        question = f"{verb.capitalize()} {found.matched}?"
        require_consent(out, question, counts=counts, done=done, yes=yes)
    result = session.run(correct_with_progress, out, request, note or "", found.matched)
    print_result(out, result, would=False)


def _remapper(session: Session, origin_id: str | None, mapping_version: str | None) -> Remapper:
    """What to bill instead, by the mappings that the running service has in force."""
    origin = None
    if origin_id is not None:
        delivery = session.run(whole_id, origin_id, {IdKind.DELIVERY})
        origin = session.run(find_origin, delivery)
    mappings = session.mappings_in_force()
    if mapping_version not in (None, mappings.digest):  # taken up since
        raise MappingsChanged(named=mapping_version or "", in_force=mappings.digest)
    oldest = session.settings.max_outcome_age_days
    return Remapper(mappings, oldest_days=oldest, origin=origin)


async def _refuse_other_mappings(database: Database, named: str | None) -> None:
    """Raise MappingsChanged if other mappings are in force than in the dry run."""
    async with database.read() as connection:
        await refuse_changed(connection, named)


async def _refuse_wrong(database: Database, where: ChargeFilter) -> None:
    wrong = await named_wrongly(database, where.ids or ())
    if wrong:
        raise CommandError("; ".join([one.reason for one in wrong.values()][:5]))


def _sums(found: OpenChargeSummary) -> str:
    sums = [f"{money(micros)} {one}" for one, micros in sorted(found.amounts_micros.items())]
    return f": {', '.join(sums)}" if sums else ""


def _preview(out: Output, found: CorrectionResult) -> None:
    """Print what the correction would change, before the question."""
    sums = ", ".join(f"{total['amount']} {total['currency']}" for total in found.amounts)
    parts = f"{found.corrected} would change ({sums or 'no money'}), {found.unchanged} would not"
    out.say(f"{parts}, {found.refused} would be refused")
