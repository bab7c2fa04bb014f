"""What `reverse` and `reinstate` do alike: run a correction, and print what it did or would do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.corrections.manual import CorrectionKind
from jobs.corrections.request import CorrectionPlan
from jobs.corrections.result import CorrectionResult
from jobs.corrections.runner import correct
from jobs.storage.database import Database
from receiver.cli.common.consent import actor
from receiver.cli.common.errors import CommandError
from receiver.cli.common.progress import progress
from receiver.terminal.output import Output, counted

#: Changes and refusals that are printed; `--json` has more.
SHOWN = 20
#: What was done, and why others are unchanged.
WORDS: Mapping[CorrectionKind, tuple[str, str]] = {
    "reverse": ("reversed", "taken back already"),
    "rebill": ("rebilled", "nothing to change"),
    "reinstate": ("reinstated", "billed already"),
}


async def correct_with_progress(
    database: Database, out: Output, request: CorrectionPlan, note: str, matched: int
) -> CorrectionResult:
    """Correct the charges, with a bar on a terminal."""
    with progress(out, "correcting") as on_step:
        return await correct(
            database,
            request,
            actor=actor(),
            note=note,
            on_step=lambda done: on_step(done, matched),
        )


def print_result(out: Output, found: CorrectionResult, *, would: bool) -> None:
    """Print the result; CommandError if a charge is refused."""
    out.json_if_asked(found.as_json())
    _summarize(out, found, would=would)
    if found.refused:
        were = "would be" if would else "were" if found.refused > 1 else "was"
        raise CommandError(f"{counted(found.refused, 'charge')} {were} refused")


def _summarize(out: Output, found: CorrectionResult, *, would: bool) -> None:
    done, why = WORDS[found.kind]
    done = f"would be {done}" if would else done
    parts = [f"{counted(found.corrected, 'charge')} {done}"]
    if found.unchanged:
        parts.append(f"{found.unchanged} unchanged ({why})")
    if found.refused:
        parts.append(f"{found.refused} refused")
    out.line(", ".join(parts) + (f"; action {found.id}" if found.id else ""))
    for total in found.amounts:
        out.line(f"  {total['amount']} {total['currency']}")
    for refusal in found.refusals[:SHOWN]:
        of_delivery = f" of delivery {refusal['delivery']}" if refusal["delivery"] else ""
        out.line(f"  refused: {refusal['billing_event']}{of_delivery}: {refusal['reason']}")
    _print_changes(out, found.changes)


def _print_changes(out: Output, changes: list[dict[str, Any]]) -> None:
    for change in changes[:SHOWN]:
        billed = "taken back" if change["billed"] is None else _side(change["billed"])
        now = "taken back" if change["now"] is None else f"now {_side(change['now'])}"
        out.line(f"  {change['billing_event']} {change['rule']}: {billed}, {now}")
    if len(changes) > SHOWN:
        out.line(f"  … and {len(changes) - SHOWN} more (with --json up to 1,000)")


def _side(side: dict[str, Any]) -> str:
    triple = " / ".join(side[name] for name in ("agent_id", "customer_id", "indicator"))
    return f"{side['amount']} {side['currency']} for {triple}"
