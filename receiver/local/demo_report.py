"""What the demo shows: a line for each example, sums by currency, and what to try next.

Owns the texts. Each line shows what was billed, or why nothing was.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path

from jobs.common.money import sums
from jobs.common.states import DeliveryState
from jobs.queries.deliveries.evidence import DeliveryEvidence
from jobs.queries.ledger.revenue import RevenueItem
from receiver.feed.lines import results
from receiver.local.service import ADMIN_TOKEN, LocalService
from receiver.terminal.output import Cell, Output, state_text

COLUMNS = ("source", "example", "answer", "~became", "~billed, or why nothing was", ">amount")
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One example, the answer to it, and what became of the delivery it was or repeated."""

    source: str
    example: str
    status: int
    answer: str
    evidence: DeliveryEvidence | None

    @property
    def is_new(self) -> bool:
        """Whether it was taken as a delivery of its own."""
        return self.status == HTTPStatus.ACCEPTED


def report(
    out: Output, service: LocalService, posted: Sequence[Posted], ledger: Iterable[RevenueItem]
) -> None:
    """Print all of it."""
    out.line()
    out.table(COLUMNS, [row for one in posted for row in rows(one)], titles=2)
    fresh = [
        (event.currency, Decimal(event.amount))
        for one in posted
        if one.is_new and one.evidence is not None
        for event in one.evidence.billing_events
    ]
    out.line()
    out.line(f"billed by this run:  {sums(fresh) or 'nothing: all of it had been billed before'}")
    total = [(item.currency, Decimal(item.amount)) for item in ledger]
    out.line(f"the demo's ledger:   {sums(total) or 'empty'}")
    out.line()
    first, *commands = next_steps(service)
    out.line(first)
    for command in commands:
        out.command(command)
    out.line()


def rows(posted: Posted) -> Iterator[Row]:
    """The lines of one example: one for each outcome, or one with the reason why there is none."""
    answer = posted.status
    evidence = posted.evidence
    name = posted.example.removeprefix(f"{posted.source}-")
    if evidence is None:
        yield (posted.source, name, answer, "refused", f"nothing: {posted.answer}", "")
        return
    became = state_text(evidence.state)
    if evidence.reason is not None:
        became = became.copy().append(f": {evidence.reason}")
    first: Row = (posted.source, name, answer, became)
    for what in _results(posted, evidence):
        yield (*first, *what)
        first = ("", "", "", "")


def _results(posted: Posted, evidence: DeliveryEvidence) -> Iterator[tuple[str, str]]:
    if evidence.state != DeliveryState.FAILED and not posted.is_new:
        yield "nothing more: this delivery came before", ""
    else:
        yield from results(evidence)


def next_steps(service: LocalService) -> Iterator[str]:
    """A sentence, then commands that work as they stand, in another terminal in this directory."""
    receiver = _program()
    examples = _short(service.settings.mappings / "examples")
    token = _short(service.settings.made_secrets_dir / ADMIN_TOKEN)
    yield "Try next, in another terminal, while this runs:"
    for command in (
        "failures",
        f"try github {examples}/github-approved.json",
        f"send zendesk {examples}/zendesk-solved.json --tamper",
        "revenue --by agent,customer",
        "status",
    ):
        yield f"{receiver} {command}"
    header = f'"Authorization: Bearer $(cat {token})"'
    yield f"curl -H {header} '{service.url}/api/billing-events?limit=3'"


def _program() -> str:
    """How the user can call this program: by name where the shell finds it."""
    if shutil.which("receiver"):
        return "receiver"
    script = Path(sys.executable).with_name("receiver")
    return _short(script) if script.exists() else f"{_short(Path(sys.executable))} -m receiver"


def _short(path: Path) -> str:
    """The path as the shell takes it, relative where that is shorter."""
    relative = os.path.relpath(path)
    return shlex.quote(min(relative, str(path), key=len))
