"""Names and ids in filters that nothing has: refused, where the list would be empty.

A source or a rule whose mapping is gone is known by its records and stays good. Filters of what was
billed name agents, customers, indicators and currencies too: those that were billed.
"""

from __future__ import annotations

import shlex

from jobs.filters import DeliveryFilter, Filter
from jobs.queries.deliveries.listing import count_deliveries
from jobs.queries.names import ID_COLUMNS, is_known
from mappings.engine.loading.mapping_set import MappingSet
from receiver.api import filter_names
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.session import Session


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
