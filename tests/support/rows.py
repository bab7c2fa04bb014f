"""Rows as the inbox and settling leave them, put straight into the tables.

For tests of what reads them; how they come about is tested where they are written.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert

from jobs.common.failure_groups import group_id
from jobs.storage.database import Database
from jobs.storage.schema import (
    billing_events,
    deliveries,
    intake,
    outcome_keys,
    outcomes,
)

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class Rows:
    """Puts rows in. Ids are d1, d2 …, o1 …, b1 …; times go up by a second a row."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._numbers = {letter: itertools.count(1) for letter in "dob"}

    def skip(self, number: int) -> None:
        """Leave so many ids of each kind out, since other rows have them."""
        for numbers in self._numbers.values():
            next(itertools.islice(numbers, number - 1, None))

    async def _insert(self, table: Table, **values: Any) -> None:
        async with self.database.write() as connection:
            await connection.execute(insert(table).values(**values))

    async def accepted(self, number: int) -> None:
        """One intake transaction of `number` deliveries."""
        await self._insert(intake, committed_at=START, accepted=number)

    async def delivery(self, state: str = "recorded", **values: Any) -> str:
        """A delivery, without counting it at intake."""
        number = next(self._numbers["d"])
        at = START + timedelta(seconds=number)
        row = {
            "id": f"d{number}",
            "source": "zendesk",
            "dedupe_key": f"id:{number}",
            "body": b'{"ticket": 1}',
            "body_sha256": "0" * 64,
            "headers": {"content-type": "application/json"},
            "received_at": at,
            "state": state,
            "next_attempt_at": at,
            "settled_at": None if state == "received" else at,
            **values,
        }
        await self._insert(deliveries, **row)
        return str(row["id"])

    async def failure(self, reason: str, detail: str, **values: Any) -> str:
        group = group_id(values.get("source", "zendesk"), reason, values.get("rule"), detail)
        fields = {"failure_group": group, **values}
        return await self.delivery("failed", reason=reason, detail=detail, **fields)

    async def outcome(self, delivery_id: str | None, **values: Any) -> str:
        """An outcome of a key of its own."""
        number = next(self._numbers["o"])
        row = {
            "id": f"o{number}",
            "outcome_key": f'["zendesk","solved","{number}"]',
            "ordinal": 1,
            "delivery_id": delivery_id,
            "event_index": 0,
            "source": "zendesk",
            "rule": "solved",
            "kind": "charge",
            "agent_id": "support-agent",
            "customer_id": "acme",
            "indicator": "ticket-resolved",
            "occurred_at": None,
            "recorded_at": START + timedelta(seconds=number),
            "amount_micros": 990_000,
            "currency": "USD",
            "meta_tags": {},
            "verdict": "charged",
            **values,
        }
        async with self.database.write() as connection:
            key = {"outcome_key": row["outcome_key"]}
            await connection.execute(self.database.insert_or_skip(outcome_keys).values(**key))
            await connection.execute(insert(outcomes).values(**row))
        return str(row["id"])

    async def charge(
        self, at: datetime = START, *, micros: int = 990_000, currency: str = "USD", **values: Any
    ) -> str:
        """A charge that happened and was recorded at `at`, with its delivery and outcome."""
        delivery_id = values.pop("delivery_id", None) or await self.delivery()
        outcome_id = await self.outcome(delivery_id, recorded_at=at)
        number = next(self._numbers["b"])
        row = {
            "id": f"b{number}",
            "outcome_key": f'["zendesk","solved","{outcome_id.removeprefix("o")}"]',
            "sequence": 1,
            "kind": "charge",
            "agent_id": "support-agent",
            "customer_id": "acme",
            "indicator": "ticket-resolved",
            "amount_micros": micros,
            "currency": currency,
            "occurred_at": at,
            "recorded_at": at,
            "delivery_id": delivery_id,
            "event_index": 0,
            "source": "zendesk",
            "outcome_id": outcome_id,
            "meta_tags": {"channel": "crm"},
            **values,
        }
        await self._insert(billing_events, **row)
        return str(row["id"])

    async def reversal(self, of: str, at: datetime = START, **values: Any) -> str:
        """Takes back a whole charge made by `charge`, by the outcome that made it."""
        return await self.charge(
            at, **{"sequence": 2, "kind": "reversal", "reverses": of, "micros": -990_000, **values}
        )
