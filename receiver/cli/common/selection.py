"""The deliveries that `replay` and `discard` act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobs.filters import DeliveryFilter
from jobs.queries.deliveries.listing import unknown_ids
from jobs.queries.identification import whole_filter
from jobs.storage.database import Database
from receiver.cli.common.errors import CommandError
from receiver.cli.common.names import refuse_misspelt
from receiver.cli.common.session import Session
from receiver.terminal.output import Output


def selected(
    session: Session, ids: Sequence[str] | None, given: Mapping[str, str | None]
) -> DeliveryFilter:
    """The filter with whole ids; raises CommandError for a name or id that does not exist."""
    where = session.run(whole_filter, DeliveryFilter.parse(given, session.zone, ids=ids or None))
    refuse_misspelt(session, where)
    session.run(_refuse_unknown, where)
    return where


def hint_at_others(out: Output, where: DeliveryFilter, matched: int, *, state: str) -> None:
    """Say so if fewer deliveries match than were named: the others are in another state."""
    others = len(set(where.ids or ())) - matched
    if others > 0:
        out.say(f"{others} of those named {'is' if others == 1 else 'are'} not {state}")


async def _refuse_unknown(database: Database, where: DeliveryFilter) -> None:
    unknown = await unknown_ids(database, where.ids or ())
    if unknown:
        raise CommandError(f"there is no delivery {', '.join(map(repr, unknown[:5]))}")
