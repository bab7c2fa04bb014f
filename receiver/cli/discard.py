"""Discard failed or ignored deliveries, with a --note why; a replay can settle them again.

Asks first on a terminal; without one it needs --yes.
"""

from __future__ import annotations

from functools import partial

from jobs.replays.replay import discard as discard_deliveries
from receiver.cli.common import options as arg
from receiver.cli.common.consent import actor, require_consent, require_note
from receiver.cli.common.filters import hint_at_others, selected
from receiver.cli.common.session import Session
from receiver.terminal.output import Output, deliveries_counted

EXAMPLES = (
    "receiver discard 01a208d2 --note 'test data'",
    "receiver discard --source zendesk --reason parse --note 'test data' --yes",
)


def discard(
    ids: arg.Ids = None,
    *,
    limit: arg.Limit = None,
    note: arg.Note = None,
    dry_run: arg.DryRun = False,
    yes: arg.Yes = False,
    as_json: arg.Json = False,
    **given: arg.DeliveryFilter,
) -> None:
    """Print the count, ask, and discard."""
    session, out = Session(), Output(as_json=as_json)
    where = selected(session, ids, given)
    if not dry_run:
        note = require_note(note, "say why these deliveries are discarded")
    act = partial(discard_deliveries, actor=actor(), note=note or "", limit=limit)
    matched = session.run(act, where, dry_run=True).matched
    counts = deliveries_counted(matched)
    if dry_run:
        out.json_if_asked({"matched": matched})
        out.line(f"{counts} would be discarded")
        return
    out.say(f"{counts} to discard")
    if limit is None:
        hint_at_others(out, where, matched, state="failed or ignored")
    if matched:
        require_consent(out, f"Discard {matched}?", counts=counts, done="discarded", yes=yes)
    done = session.run(act, where, dry_run=False)
    out.json_if_asked(done)
    out.line(f"{deliveries_counted(done.matched)} discarded")
