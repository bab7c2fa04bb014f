"""Bring back charges that were reversed by hand, at their amount and day, with a --note why.

Asks first on a terminal; without one it needs --yes.
"""

from __future__ import annotations

from typing import Annotated

import typer

from jobs.common.parsing import check_ids
from jobs.corrections.charges import NAMES_NOTHING, find_named
from jobs.corrections.request import ReinstatementRequest
from jobs.corrections.runner import rehearse
from jobs.queries.identification import IdKind, whole_ids
from receiver.cli.common import options as arg
from receiver.cli.common.consent import require_consent, require_note
from receiver.cli.common.corrections import correct_with_progress, print_result
from receiver.cli.common.errors import CommandError
from receiver.cli.common.session import Session
from receiver.terminal.output import Output, counted

EXAMPLES = (
    "receiver reinstate 01a208ed --note 'no test after all'",
    "receiver reinstate 01a208ed --note 'no test after all' --yes",
)


def reinstate(
    ids: Annotated[
        list[str],
        typer.Argument(
            help="The charge, or its reversal; a delivery, an outcome key, or the action that"
            " `reverse` printed, for all that was reversed.",
        ),
    ],
    *,
    note: arg.Note = None,
    dry_run: arg.DryRun = False,
    yes: arg.Yes = False,
    as_json: arg.Json = False,
) -> None:
    """Undo reversals by hand; CommandError if one of them is refused."""
    session, out = Session(), Output(as_json=as_json)
    if not dry_run:
        note = require_note(note, "say why these charges are reinstated")
    kinds = {IdKind.BILLING_EVENT, IdKind.DELIVERY, IdKind.ACTION}
    whole = session.run(whole_ids, check_ids(ids, "charges"), kinds)
    named, unknown = session.run(find_named, whole)
    if unknown:
        raise CommandError("; ".join(NAMES_NOTHING.format(name) for name in unknown[:5]))
    request = ReinstatementRequest(named)
    would = session.run(rehearse, request)
    if dry_run:
        print_result(out, would, would=True)
        return
    sums = ", ".join(f"{total['amount']} {total['currency']}" for total in would.amounts)
    counts = counted(would.corrected, "charge")
    out.say(f"{counts} to reinstate{f': {sums}' if sums else ''}")
    if would.corrected:
        question = f"Reinstate {would.corrected}?"
        require_consent(out, question, counts=counts, done="reinstated", yes=yes)
    done = session.run(correct_with_progress, out, request, note or "", would.done)
    print_result(out, done, would=False)
