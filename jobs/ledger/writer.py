"""Writing what a transaction records, each table once: outcomes, lines, new customers, and texts.

Owns that the texts behind what bills are kept, so that every charge can be explained years later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.ledger.owing import Step
from jobs.ledger.records import Entry, shared_columns
from jobs.storage.database import Database
from jobs.storage.schema import billing_events, customers, mapping_versions, outcomes
from mappings.engine.types import VersionText


class LedgerWriter:
    """Writes these steps as recorded at one time."""

    def __init__(self, steps: Sequence[Step], recorded_at: datetime) -> None:
        self._recorded_at = recorded_at
        self._outcomes = [self._outcome_row(step) for step in steps]
        self._entries = [self._entry_row(entry) for step in steps for entry in step.entries]
        self._entries.sort(key=itemgetter("outcome_key", "sequence"))

    async def write(self, database: Database, connection: AsyncConnection) -> None:
        """Insert customers in sorted order, then outcomes, then the lines of each key in order."""
        billed = sorted({row["customer_id"] for row in self._entries})
        if billed:
            await connection.execute(
                database.insert_or_skip(customers),
                [{"id": customer, "first_billed_at": self._recorded_at} for customer in billed],
            )
        if self._outcomes:
            await connection.execute(insert(outcomes), self._outcomes)
        if self._entries:
            await connection.execute(insert(billing_events), self._entries)

    def _outcome_row(self, step: Step) -> dict[str, Any]:
        outcome = step.outcome
        return {
            **shared_columns(outcome),
            "ordinal": outcome.ordinal,
            "rule": outcome.rule,
            "recorded_at": self._recorded_at,
            "value": None if outcome.value is None else format(outcome.value, "f"),
            "verdict": step.verdict.value,
            "billing_event_id": step.billing_event_id,
            "replaces": outcome.replaces,
            "place": outcome.place,
            "action_id": outcome.action_id,
            "amount_rule": outcome.amount_rule.value,
        }

    def _entry_row(self, entry: Entry) -> dict[str, Any]:
        return {
            **shared_columns(entry),
            "sequence": entry.sequence,
            "reverses": entry.reverses,
            "outcome_id": entry.outcome_id,
            "recorded_at": self._recorded_at,
        }


def versions_of(steps: Iterable[Step]) -> set[str]:
    """The versions of the mappings and catalogues behind what these steps record."""
    return {
        version
        for outcome in (step.outcome for step in steps)
        for version in (outcome.provenance.mapping_version, outcome.terms.price_version)
        if version is not None
    }


async def keep_versions(
    database: Database,
    connection: AsyncConnection,
    used: Set[str],
    versions: Mapping[str, VersionText],
    now: datetime,
) -> None:
    """Keep the texts of these versions, with the tables they look things up in, where missing."""
    wanted = set(used)
    for version in used:
        wanted.update(versions[version].parts.values())
    if not wanted:
        return
    await connection.execute(
        database.insert_or_skip(mapping_versions),
        [
            {
                "version": version,
                "kind": versions[version].kind,
                "name": versions[version].name,
                "text": versions[version].text,
                "parts": dict(versions[version].parts),
                "first_used_at": now,
            }
            for version in sorted(wanted)
        ],
    )
