"""The filter of a command: whole ids, names that exist, and the newest records that match.

A name or an id that nothing has is refused, where the list would be empty. A source or a rule whose
mapping is gone is known by its records and stays good. Filters of what was billed name agents,
customers, indicators and currencies too: those that were billed.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from jobs.filters import DeliveryFilter, Filter
from jobs.queries.deliveries.listing import count_deliveries, unknown_ids
from jobs.queries.identification import whole_filter
from jobs.queries.names import ID_COLUMNS, is_known
from jobs.queries.shape import Page
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT, MAX_LIMIT
from mappings.engine.loading.mapping_set import MappingSet
from receiver.api import filter_names
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.session import Session
from receiver.terminal.output import Output

T = TypeVar("T")


async def newest(
    database: Database,
    list_page: Callable[..., Awaitable[Page[T]]],
    where: Filter,
    limit: int | None,
) -> list[T]:
    """The newest records that match, over as many pages as it takes; by default 100."""
    limit, cursor = limit or DEFAULT_LIMIT, None
    items: list[T] = []
    while True:
        size = min(limit - len(items), MAX_LIMIT)
        page = await list_page(database, where, limit=size, cursor=cursor)
        items += page.items
        cursor = page.next
        if cursor is None or len(items) == limit:
            return items


def delivery_filter(
    session: Session, ids: Sequence[str] | None, given: Mapping[str, str | None]
) -> DeliveryFilter:
    """The filter with whole ids; raises CommandError or FilterInvalid for an unknown name."""
    where = session.run(whole_filter, DeliveryFilter.parse(given, session.zone, ids=ids or None))
    refuse_misspelt(session, where)
    return where


def selected(
    session: Session, ids: Sequence[str] | None, given: Mapping[str, str | None]
) -> DeliveryFilter:
    """The deliveries to act on; raises CommandError for an id that does not exist, too."""
    where = delivery_filter(session, ids, given)
    unknown = session.run(unknown_ids, where.ids or ())
    if unknown:
        raise CommandError(f"there is no delivery {', '.join(map(repr, unknown[:5]))}")
    return where


def hint_at_others(out: Output, where: DeliveryFilter, matched: int, *, state: str) -> None:
    """Say so if fewer deliveries match than were named: the others are in another state."""
    others = len(set(where.ids or ())) - matched
    if others > 0:
        out.say(f"{others} of those named {'is' if others == 1 else 'are'} not {state}")


def refuse_misspelt(session: Session, where: Filter) -> None:
    """Raise CommandError or FilterInvalid for what neither the mappings nor the records know."""
    _refuse_unknown_ids(session, where)
    _refuse_empty_group(session, where)
    if filter_names.named_in(where):
        mappings = _mappings_at_hand(session)
        session.run(filter_names.refuse_misspelt, where, mappings, strict=True)


def _refuse_unknown_ids(session: Session, where: Filter) -> None:
    """A part of a key, such as a ticket's number, would look like a ticket that billed nothing."""
    for kind in ID_COLUMNS:
        text = getattr(where, kind, None)
        if text is not None and not session.run(is_known, kind, text):
            command = shlex.join(["receiver", "show", text])
            unknown = f"there is no {kind.replace('_', ' ')} {text!r}"
            raise CommandError(f"{unknown}; look for it with `{command}`", code=MISUSE)


def _refuse_empty_group(session: Session, where: Filter) -> None:
    if not isinstance(where, DeliveryFilter) or where.group is None:
        return
    if not session.run(count_deliveries, DeliveryFilter(group=where.group)):
        raise CommandError(
            f"no failure is in group {where.group!r}; `receiver failures` lists the groups",
            code=MISUSE,
        )


def _mappings_at_hand(session: Session) -> MappingSet | None:
    try:
        return session.mappings()
    except CommandError:
        return None


def filter_text(given: Mapping[str, object]) -> str | None:
    """A filter in one line; of several ids only their number."""
    return ", ".join(f"{name} {_value(value)}" for name, value in given.items()) or None


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"{value[0]}" if len(value) == 1 else f"({len(value)})"
    return value if isinstance(value, str) else json.dumps(value)
