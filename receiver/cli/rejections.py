"""List rejected requests and the causes (the last 1,000 are kept)."""

from __future__ import annotations

from jobs.filters import RejectionFilter
from jobs.queries.sources.rejections import RejectionItem, count_rejections, list_rejections
from receiver.cli.common import options as arg
from receiver.cli.common.filters import newest, refuse_misspelt
from receiver.cli.common.session import Session
from receiver.terminal.output import Columns, Output, counted

EXAMPLES = ("receiver rejections --since 1h", "receiver rejections --source zendesk")

COLUMNS: Columns[RejectionItem] = {
    "=at": lambda rejection: rejection.at,
    "source": lambda rejection: rejection.source,
    "cause": lambda rejection: rejection.cause,
    ">times": lambda rejection: rejection.count,
    "path": lambda rejection: rejection.path,
    "from": lambda rejection: rejection.remote,
    ">bytes": lambda rejection: rejection.body_bytes,
    "headers": lambda rejection: " ".join(rejection.header_names),
    "detail": lambda rejection: rejection.detail,
}


def rejections(
    *, limit: arg.Limit = None, as_json: arg.Json = False, **given: arg.RejectionFilter
) -> None:
    """Print the newest that are kept, and the count of all so far by cause."""
    session, out = Session(), Output(as_json=as_json)
    where = RejectionFilter.parse(given, session.zone)
    refuse_misspelt(session, where)
    counts = session.run(count_rejections, source=where.source, cause=where.cause)
    items = session.run(newest, list_rejections, where, limit)
    if as_json:
        out.json(items)
        return
    if not counts and not items:
        out.line("nothing rejected")
        return
    causes = ", ".join(f"{cause} {number}" for cause, number in counts.items()) or "none"
    out.line(f"{counted(sum(counts.values()), 'request')} not taken so far: {causes}")
    if items:
        out.records(COLUMNS, items)
        for remediation in dict.fromkeys(item.remediation for item in items if item.remediation):
            out.say(f"→ {remediation}")
        out.say("to diagnose a captured one: `receiver verify SOURCE --request FILE`")
