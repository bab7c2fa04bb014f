"""`failures`: what went wrong, by what mends it."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from jobs.queries.failures import read_failures
from receiver.asking import delivery_filter
from receiver.cli.output import Output, counted
from receiver.cli.session import Session


def failures(given: Mapping[str, str | None], *, as_json: bool) -> None:
    """The groups, largest first, each with its mend and the command that replays it."""
    session, out = Session(), Output(as_json=as_json)
    where = delivery_filter(given, session.zone)
    groups = session.run(read_failures, where)
    if as_json:
        out.json([group.model_dump(mode="json") for group in groups])
        return
    total = sum(group.count for group in groups)
    kinds = f" of {counted(len(groups), 'kind')}" if groups else ""
    out.line(f"{counted(total, 'failed delivery', 'failed deliveries')}{kinds}")
    for group in groups:
        rule = f" in rule {group.rule}" if group.rule else ""
        out.line()
        out.line(Text(f"{group.count} x {group.source}: {group.reason}{rule}", style="bold"))
        out.line(f"  {group.detail}")
        first, last = (
            f"{group.first_seen:%Y-%m-%d %H:%M:%SZ}",
            f"{group.last_seen:%Y-%m-%d %H:%M:%SZ}",
        )
        held = (
            f"; holds back {group.outcomes_held_back} outcomes" if group.outcomes_held_back else ""
        )
        out.line(f"  from {first} to {last}{held}")
        out.line(f"  latest {group.example_delivery}: {group.example_detail}")
        out.line(f"  {group.mend}")
        out.line(Text(f"  {group.replay}", style="cyan"))
