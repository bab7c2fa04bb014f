"""Group failed deliveries by cause, with the remediation and the command that replays them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from jobs.filters import DeliveryFilter
from jobs.queries.deliveries.failures import FailureGroup, read_failures
from receiver.cli.common import options as arg
from receiver.cli.common.filters import refuse_misspelt
from receiver.cli.common.session import Session
from receiver.terminal.output import Output, counted

EXAMPLES = ("receiver failures", "receiver failures --source zendesk --since 7d")


def failures(*, as_json: arg.Json = False, **given: arg.FailureFilter) -> None:
    """Print the groups, largest first."""
    session, out = Session(), Output(as_json=as_json)
    where = DeliveryFilter.parse(given, session.zone)
    refuse_misspelt(session, where)
    groups = session.run(read_failures, where)
    if as_json:
        out.json(groups)
        return
    total = sum(group.count for group in groups)
    kinds = f" of {counted(len(groups), 'kind')}" if groups else ""
    out.line(f"{counted(total, 'failed delivery', 'failed deliveries')}{kinds}")
    for group in groups:
        rule = f" in rule {group.rule}" if group.rule else ""
        out.line()
        head = f"{group.count} x {group.source}: {group.reason}{rule}"
        out.line(Text.assemble((head, "bold"), (f"  group {group.id}", "dim")))
        for line in _what_came(group):
            out.line(f"  {line}")
        out.line(f"  {group.remediation}")
        out.command(group.replay)


def _what_came(group: FailureGroup) -> Iterator[str]:
    """What went wrong and when; of a single one nothing twice."""
    first, last = (f"{at:%Y-%m-%d %H:%M:%SZ}" for at in (group.first_seen, group.last_seen))
    held = ""
    if group.outcomes_held_back:
        held = f"; holds back {counted(group.outcomes_held_back, 'outcome')}"
    if group.count == 1:
        yield group.example_detail
        yield f"{group.example_delivery}, received {first}{held}"
        return
    yield group.detail
    yield f"from {first} to {last}{held}"
    yield f"latest {group.example_delivery}: {group.example_detail}"
