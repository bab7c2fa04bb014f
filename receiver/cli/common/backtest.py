"""What edited mappings would bill differently from those in force, for `check --against`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.backtest.report import (
    BILLING_OTHERWISE,
    NEWLY_BILLING,
    NEWLY_FAILING,
    NO_LONGER_BILLING,
    BacktestReport,
)
from jobs.backtest.runner import Sides, run_backtest
from jobs.backtest.window import Window
from jobs.common.money import money
from jobs.common.timestamps import in_utc
from jobs.mapping_store import Before, NoMappingsInForce, mappings_before, mappings_in_force
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet
from receiver.cli.common.progress import progress
from receiver.cli.common.session import Session
from receiver.signatures import RULES
from receiver.terminal.output import Output, counted, deliveries_counted

#: Examples of a kind that are printed; `--json` has more.
SHOWN = 5

_WORDS = {
    NEWLY_FAILING: "newly fails",
    NEWLY_BILLING: "newly bills",
    NO_LONGER_BILLING: "no longer bills",
    BILLING_OTHERWISE: "bills otherwise",
}


@dataclass(frozen=True, slots=True)
class Differences:
    """What was found. `edit` is that which is in force already, and was undone for comparing."""

    report: BacktestReport
    edit: Before | None

    def as_json(self) -> dict[str, Any]:
        """The object that `check --against` prints."""
        since = self.edit and in_utc(self.edit.edited_at)
        files = list(self.edit.files) if self.edit else []
        return {**self.report.as_json(), "in_force_since": since, "files_edited": files}


def differences(
    session: Session, out: Output, window: Window, edited: MappingSet
) -> Differences | None:
    """Print them; None, with the reason printed, where there is nothing to compare.

    An edit of the folder that the service reads is in force within seconds: then the comparison is
    with what was in force before it.
    """
    if edited.problems:
        out.say("not compared with what is in force: fix these problems first")
        return None
    try:
        in_force = session.run(mappings_in_force, timezone=session.timezone, schemes=RULES)
    except NoMappingsInForce:
        out.say("not compared: no process has used mappings with this database yet")
        return None
    edit = None
    if edited.digest == in_force.digest:
        edit = session.run(mappings_before, timezone=session.timezone, schemes=RULES)
        in_force = edit.mappings if edit is not None else in_force
        out.say(_in_force_already(edit))
    for source in sorted(in_force.unusable):
        out.say(f"what is in force of source {source} cannot be read: it counts as empty")
    sides = Sides(
        in_force=in_force, edited=edited, oldest_days=session.settings.max_outcome_age_days
    )
    report = session.run(_compare, out, sides, window)
    _show(out, report, "did before" if edit else "do now")
    return Differences(report, edit)


def _in_force_already(edit: Before | None) -> str:
    if edit is None:
        return "these mappings are in force already, and nothing was in force before them"
    return (
        f"these mappings are in force already, since {in_utc(edit.edited_at)}; compared with what"
        f" was in force before ({', '.join(edit.files)} changed)"
    )


async def _compare(database: Database, out: Output, sides: Sides, window: Window) -> BacktestReport:
    with progress(out, "comparing") as on_step:
        return await run_backtest(database, sides, window, on_step=on_step)


def _show(out: Output, report: BacktestReport, now: str) -> None:
    out.line(_scope(report))
    if not report.changed:
        if report.compared:
            out.line(f"  no difference: all of them bill as they {now}")
        return
    differing = {
        currency: micros for currency, micros in report.differences_micros.items() if micros
    }
    for currency, micros in differing.items():
        out.line(f"  {signed(micros)} {currency} in all")
    if not differing:
        out.line("  no difference in money in all")
    for rule in report.rules():
        out.line(f"  {rule['source']} {rule['rule']}: {_rule(rule)}")
    out.line(f"  {counted(report.changed, 'delivery', 'deliveries')} would come out otherwise:")
    for (before, after), count in sorted(report.fates.items()):
        change = "billed otherwise" if before == after else f"{before} → {after}"
        out.line(f"    {count} {change}")
    for text in _examples(report):
        out.line(f"  {text}")


def _scope(report: BacktestReport) -> str:
    """How many deliveries, and which of them were left out; never in silence."""
    last = report.window if report.window[-1].isalpha() else deliveries_counted(int(report.window))
    parts = [f"against the last {last}: {deliveries_counted(report.compared)} compared"]
    if report.no_body:
        parts.append(f"{report.no_body} not compared, their bodies are gone")
    if report.set_aside:
        parts.append(f"{report.set_aside} not compared, discarded or with a reused id")
    return "; ".join(parts)


def _rule(rule: Mapping[str, Any]) -> str:
    was, now = rule["before"], rule["after"]
    counts = [
        f"{what} {was[what]} → {now[what]}"
        for what in ("charges", "reversals")
        if was[what] != now[what]
    ]
    more = f" ({', '.join(counts)})" if counts else ""
    return f"{_with_sign(rule['difference'])} {rule['currency']}{more}"


def _examples(report: BacktestReport) -> Iterator[str]:
    for kind, words in _WORDS.items():
        examples = report.examples[kind]
        for example in examples.shown[:SHOWN]:
            yield f"{words}: {example['delivery']} {example['source']}: {_what(example)}"
        if examples.count > SHOWN:
            yield f"  … and {examples.count - SHOWN} more"


def _what(example: Mapping[str, Any]) -> str:
    sides = [
        ", ".join(_line(line) for line in example[side]) or "nothing"
        for side in ("before", "after")
        if side in example
    ]
    if "reason" in example:
        sides.append(f"{example['reason']}: {example['detail']}")
    return " → ".join(sides)


def _line(line: Mapping[str, Any]) -> str:
    triple = " / ".join(line[name] for name in ("agent_id", "customer_id", "indicator"))
    return f"{_with_sign(line['amount'])} {line['currency']} for {triple} ({line['outcome_key']})"


def signed(micros: int) -> str:
    """`+12.50`, `-0.99`, `0.00`."""
    return _with_sign(money(micros))


def _with_sign(amount: str) -> str:
    return amount if amount.startswith("-") or not amount.strip("0.") else f"+{amount}"
