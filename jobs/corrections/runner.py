"""Corrections by hand: open charges are taken back, or rebilled by the mapping in force.

Owns the steps: each is one transaction that records outcomes, lines and its entry in `actions`
together, under the locks of settling. So a kill between two steps loses nothing and doubles
nothing, and a second run continues: charges that are corrected count as unchanged.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.actions import note_action
from jobs.common.errors import FilterInvalid, is_transient
from jobs.common.ids import new_id
from jobs.corrections.manual import CorrectionContext, Decided, OpenCharge
from jobs.corrections.request import CorrectionPlan, Decide
from jobs.corrections.result import CorrectionResult
from jobs.ledger.horizon import posting_time
from jobs.ledger.repository import hold_keys, load_books
from jobs.ledger.writer import LedgerWriter, keep_versions, versions_of
from jobs.privacy.guard import hold_off_purges
from jobs.storage.database import Database
from jobs.storage.schema import actions

#: Quick tries of a step that met a lock, a deadlock or a lost connection.
TRIES = 4

OnStep = Callable[[int], None]


async def rehearse(database: Database, request: CorrectionPlan) -> CorrectionResult:
    """What `correct` would do now; nothing is written."""
    return await _Run(database, request).rehearse()


async def correct(
    database: Database,
    request: CorrectionPlan,
    *,
    actor: str,
    note: str,
    on_step: OnStep | None = None,
) -> CorrectionResult:
    """Correct the charges, step by step; `on_step` gets the number done.

    A charge that is refused does not stop the others. Raises FilterInvalid for an empty note.
    """
    if not note.strip():
        raise FilterInvalid("note is empty; say why this is corrected")
    return await _Run(database, request).correct(actor, note, on_step or (lambda _done: None))


class _Run:
    """One correction, from the first charge to the last."""

    def __init__(self, database: Database, request: CorrectionPlan) -> None:
        self._database = database
        self._request = request
        self._id = new_id()
        version = None if request.mappings is None else request.mappings.digest
        self._result = CorrectionResult(request.kind, mapping_version=version)

    async def rehearse(self) -> CorrectionResult:
        self._result.unchanged = await self._request.unchanged(self._database)
        async for charges in self._request.steps(self._database):
            decide = await self._request.prepare(self._database, charges)
            async with self._database.read() as connection:
                books = await load_books(connection, [charge.outcome_key for charge in charges])
                context = CorrectionContext(self._id, await self._database.time(connection))
                self._result.add(await decide(connection, books, context))
        return self._result

    async def correct(self, actor: str, note: str, on_step: OnStep) -> CorrectionResult:
        self._result.unchanged = await self._request.unchanged(self._database)
        async for charges in self._request.steps(self._database):
            decide = await self._request.prepare(self._database, charges)
            decided = await self._patiently(charges, decide, actor, note)
            if decided.corrections:
                self._result.id = self._id
            self._result.add(decided)
            on_step(self._result.done)
        return self._result

    async def _patiently(
        self, charges: Sequence[OpenCharge], decide: Decide, actor: str, note: str
    ) -> Decided:
        """One step, tried again after a lock; what was committed is unchanged then."""
        for tries_left in reversed(range(TRIES)):
            try:
                return await self._step(charges, decide, actor, note)
            except Exception as error:
                if not is_transient(error) or not tries_left:
                    raise
            await asyncio.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - jitter, not a secret
        raise AssertionError

    async def _step(
        self, charges: Sequence[OpenCharge], decide: Decide, actor: str, note: str
    ) -> Decided:
        keys = sorted({charge.outcome_key for charge in charges})
        async with self._database.write() as connection:
            await hold_off_purges(self._database, connection)
            held = await hold_keys(connection, keys)
            books = await load_books(connection, held)
            # Once the locks are held, as in settling.
            requested_at = await posting_time(self._database, connection)
            context = CorrectionContext(await self._action_id(connection), requested_at)
            decided = await decide(connection, books, context)
            if decided.corrections:
                await self._note(connection, decided, context, actor, note)
                await self._write(connection, decided, context.at)
        return decided

    async def _action_id(self, connection: AsyncConnection) -> str:
        """The id of the run for its first entry, which an unanswered COMMIT may have written."""
        noted = select(actions.c.id).where(actions.c.id == self._id)
        return self._id if await connection.scalar(noted) is None else new_id()

    async def _note(
        self,
        connection: AsyncConnection,
        decided: Decided,
        context: CorrectionContext,
        actor: str,
        note: str,
    ) -> None:
        """Write the entry of the step: of the ids that were named, those that it took up."""
        where = self._request.noted([correction.charge for correction in decided.corrections])
        step = CorrectionResult(self._request.kind)
        step.add(decided)
        await note_action(
            connection,
            action_id=context.action_id,
            at=context.at,
            kind=self._request.kind,
            actor=actor,
            where=where,
            count=len(decided.corrections),
            note=note,
            detail={"run": self._id, "amounts": step.amounts},
        )

    async def _write(
        self, connection: AsyncConnection, decided: Decided, recorded_at: datetime
    ) -> None:
        steps = [correction.step for correction in decided.corrections]
        if self._request.mappings is not None:
            texts = self._request.mappings.versions
            await keep_versions(self._database, connection, versions_of(steps), texts, recorded_at)
        await LedgerWriter(steps, recorded_at).write(self._database, connection)
