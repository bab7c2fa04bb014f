"""Deliveries put into the database of a service by the thousand, as if they had come in."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import insert

from jobs.common.ids import new_id
from jobs.storage.database import open_database
from jobs.storage.schema import deliveries, intake
from tests.support.vendors import as_bytes

ROWS = 2_000


def put_in(
    url: str,
    payloads: Sequence[Any],
    *,
    source: str = "tickets",
    received_at: datetime | None = None,
    **values: Any,
) -> list[str]:
    """Their ids. They came a millisecond apart, an hour ago unless `received_at` is given.

    They wait to be settled, unless `values` give them another state.
    """
    first = received_at or datetime.now(UTC) - timedelta(hours=1)
    rows = [
        _row(as_bytes(payload), source, first + timedelta(milliseconds=number)) | values
        for number, payload in enumerate(payloads)
    ]
    asyncio.run(_insert(url, rows))
    return [row["id"] for row in rows]


def _row(body: bytes, source: str, received_at: datetime) -> dict[str, Any]:
    delivery_id = new_id()
    return {
        "id": delivery_id,
        "source": source,
        "dedupe_key": f"id:{delivery_id}",
        "vendor_id": delivery_id,
        "body": body,
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "headers": {"content-type": "application/json"},
        "received_at": received_at,
        "state": "received",
        "next_attempt_at": received_at,
    }


async def _insert(url: str, rows: Sequence[dict[str, Any]]) -> None:
    database = open_database(url)
    left = iter(rows)
    while some := list(islice(left, ROWS)):
        async with database.write() as connection:
            await connection.execute(insert(deliveries), some)
            row = {"committed_at": datetime.now(UTC), "accepted": len(some)}
            await connection.execute(insert(intake), [row])
    await database.close()
