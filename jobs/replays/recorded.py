"""What recorded deliveries bill, by the outcomes of theirs that are in force.

Owns which outcomes a replay compares with what the mappings give now: those of the delivery
itself, and rebills in place of what they replace; not reversals and reinstatements by hand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.replays.comparison import Row, in_force
from jobs.storage.batching import chunks
from jobs.storage.schema import outcomes


async def outcomes_in_force(
    connection: AsyncConnection, ids: Sequence[str]
) -> dict[str, list[Row]]:
    """The rows of `outcomes` that each of these deliveries bills by, in order of event."""
    by_delivery: defaultdict[str, list[Row]] = defaultdict(list)
    rows = await connection.execute(
        select(outcomes)
        .where(
            outcomes.c.delivery_id.in_(ids),
            or_(outcomes.c.action_id.is_(None), outcomes.c.replaces.is_not(None)),
        )
        .order_by(outcomes.c.delivery_id, outcomes.c.event_index, outcomes.c.id)
    )
    for row in rows.mappings():
        by_delivery[row["delivery_id"]].append(dict(row))
    replaces = await _replacements(connection, by_delivery)
    return {delivery_id: in_force(rows, replaces) for delivery_id, rows in by_delivery.items()}


async def _replacements(
    connection: AsyncConnection, by_delivery: Mapping[str, Sequence[Row]]
) -> dict[str, str]:
    """What each replacement of these keys replaces: by `--from` it may be of another delivery."""
    columns = outcomes.c
    keys = {row["outcome_key"] for rows in by_delivery.values() for row in rows if row["replaces"]}
    replaces: dict[str, str] = {}
    for chunk in chunks(sorted(keys)):
        rows = await connection.execute(
            select(columns.id, columns.replaces).where(
                columns.outcome_key.in_(chunk), columns.replaces.is_not(None)
            )
        )
        replaces.update((row.id, row.replaces) for row in rows)
    return replaces
