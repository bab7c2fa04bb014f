"""Erase a customer: a pseudonym in the ledger, bodies and tags deleted, all sums unchanged.

Cannot be undone; can be repeated at any time. Asks first on a terminal; without one it needs --yes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from jobs.common.parsing import can_be_stored
from jobs.privacy.purge import purge as erase, survey
from jobs.privacy.purge_report import SHOWN, PurgeReport
from mappings.engine.common.identifiers import CHARS_MAX
from receiver.cli.common import options as arg
from receiver.cli.common.consent import actor, require_consent
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.session import Session
from receiver.terminal.output import Output, counted

EXAMPLES = (
    "receiver purge --customer acme --dry-run",
    "receiver purge --customer acme --note 'request of 3 November'",
)

#: What no command of ours reaches, whatever is found.
MAPPINGS_FOLDER = (
    "the mappings folder: mapping files, tables and agents.yaml that name it. Leave it in a table"
    " as long as its outcomes still come: they then bill under the pseudonym"
)
POSTGRES = "on PostgreSQL, what it keeps of old rows until VACUUM, and in its write-ahead log"
OUTSIDE = (
    MAPPINGS_FOLDER,
    "back-ups, logs, exports, and whatever vendors and billers hold",
    POSTGRES,
)


def purge(
    *,
    customer: Annotated[str, typer.Option(help="The customer's id, as it was billed.")],
    note: arg.Note = None,
    dry_run: arg.DryRun = False,
    yes: arg.Yes = False,
    as_json: arg.Json = False,
) -> None:
    """Erase the customer; with `dry_run` print what that would change."""
    session, out = Session(patient=True), Output(as_json=as_json)
    _refuse_what_is_no_id(customer)
    found = session.run(survey, customer)
    if dry_run or not found.found:
        _show(out, found, did=False)
        return
    counts = "; ".join(_counts(found))
    out.say(f"to erase: {counts}")
    question = "It cannot be undone. Erase it?"
    require_consent(out, question, counts=counts, done="erased", yes=yes)
    done = session.run(erase, customer, found, actor=actor(), note=note)
    _show(out, done, did=True)


def _refuse_what_is_no_id(customer: str) -> None:
    if not customer.strip() or not can_be_stored(customer) or len(customer) > CHARS_MAX:
        message = f"--customer {customer[:80]!r} is no id that can have been billed"
        raise CommandError(message, code=MISUSE)


def _show(out: Output, report: PurgeReport, *, did: bool) -> None:
    if out.as_json:
        out.json(report.as_json())
        return
    for line in _lines(report, did=did):
        out.line(line)


def _lines(report: PurgeReport, *, did: bool) -> Iterator[str]:
    if report.purged_at is not None:
        yield f"purged already on {report.purged_at:%Y-%m-%d %H:%M}Z, as {report.pseudonym}"
    elif did:
        yield f"purged: it is {report.pseudonym} from now on"
    if report.found:
        yield f"{'changed' if did else 'would change'}:"
        yield from (f"  {line}" for line in _counts(report))
        yield "  no sum, time or order: what is billed stays as it is"
    else:
        yield "nothing is left to do"
    yield "out of reach:"
    yield from (f"  {line}" for line in _left(report))


def _counts(report: PurgeReport) -> list[str]:
    ledger = report.ledger
    found = {
        "outcome": ledger.outcomes,
        "billing event": ledger.billing_events,
        "outcome key": ledger.keys,
        "record of an action": ledger.actions,
        "text of ours": report.elsewhere.texts,
    }
    plural = {"record of an action": "records of actions", "text of ours": "texts of ours"}
    lines = [
        counted(number, name, plural.get(name, "")) for name, number in found.items() if number
    ]
    if report.bodies:
        shared = f", {report.shared_bodies} of them shared with other customers"
        bodies = counted(report.bodies, "body", "bodies")
        lines.append(f"{bodies} removed{shared if report.shared_bodies else ''}")
    return lines


def _left(report: PurgeReport) -> Iterator[str]:
    elsewhere = report.elsewhere
    if total := elsewhere.unlinked.total():
        states = ", ".join(
            f"{number} {state}" for state, number in sorted(elsewhere.unlinked.items())
        )
        bodies = counted(total, "body", "bodies")
        yield (
            f"{bodies} of deliveries that billed nothing ({states}): nothing links them to a"
            " customer. Settle or discard what failed; RECEIVER_RETENTION_DAYS removes the others"
        )
    if elsewhere.mentions:
        named = " ".join(elsewhere.mentioned_in) + (" …" if elsewhere.mentions > SHOWN else "")
        bodies = counted(elsewhere.mentions, "kept body has", "kept bodies have")
        yield f"{bodies} its text somewhere (`receiver show`): {named}"
    if elsewhere.versions:
        texts = counted(len(elsewhere.versions), "text", "texts")
        yield f"{texts} of mapping files kept as what billed: {', '.join(elsewhere.versions)}"
    yield from OUTSIDE
