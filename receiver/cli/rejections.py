"""List rejected requests and the causes (the last 1,000 are kept)."""

from __future__ import annotations

from jobs.filters import RejectionFilter
from jobs.queries.sources.rejections import RejectionItem, count_rejections, list_rejections
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT
from receiver.cli.common import options as arg
from receiver.cli.common.names import refuse_misspelt
from receiver.cli.common.session import Session
from receiver.terminal.output import Cell, Output, counted

EXAMPLES = ("receiver rejections --since 1h", "receiver rejections --source zendesk")


def rejections(
    *, limit: arg.Limit = None, as_json: arg.Json = False, **given: arg.RejectionFilter
) -> None:
    """Print the newest that are kept, and the count of all so far by cause."""
    session, out = Session(), Output(as_json=as_json)
    where = RejectionFilter.parse(given, session.zone)
    refuse_misspelt(session, where)
    counts, items = session.run(_read, where, limit or DEFAULT_LIMIT)
    if as_json:
        out.json([item.model_dump(mode="json") for item in items])
        return
    if not counts and not items:
        out.line("nothing rejected")
        return
    causes = ", ".join(f"{cause} {number}" for cause, number in counts.items()) or "none"
    out.line(f"{counted(sum(counts.values()), 'request')} not taken so far: {causes}")
    if items:
        columns = (
            "=at",
            "source",
            "cause",
            ">times",
            "path",
            "from",
            ">bytes",
            "headers",
            "detail",
        )
        out.table(columns, [_row(item) for item in items])
        for remediation in dict.fromkeys(one.remediation for one in items if one.remediation):
            out.say(f"→ {remediation}")
        out.say("to diagnose a captured one: `receiver verify SOURCE --request FILE`")


async def _read(
    database: Database, where: RejectionFilter, limit: int
) -> tuple[dict[str, int], tuple[RejectionItem, ...]]:
    counts = await count_rejections(database, source=where.source, cause=where.cause)
    return counts, (await list_rejections(database, where, limit=limit)).items


def _row(item: RejectionItem) -> tuple[Cell, ...]:
    names = " ".join(item.header_names)
    return (
        item.at,
        item.source,
        item.cause,
        item.count,
        item.path,
        item.remote,
        item.body_bytes,
        names,
        item.detail,
    )
