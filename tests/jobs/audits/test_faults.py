"""Each fault is found where it is planted, and nowhere in a database that is healthy and busy."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from sqlalchemy import select

from jobs.audits.auditor import AUDITS, run_audit
from jobs.audits.results import RoundResult
from jobs.storage.schema import deliveries, outcomes
from tests.jobs.audits.conftest import by_hand
from tests.jobs.doubles import FakeMappings, bill, body, undo
from tests.jobs.workshop import Workshop


async def run(workshop: Workshop, name: str) -> RoundResult:
    return await run_audit(workshop.database, name, seconds=None, on_progress=lambda _number: None)


async def found(workshop: Workshop) -> dict[str, RoundResult]:
    """The audits that find anything, all of them made now."""
    results = {name: await run(workshop, name) for name in AUDITS}
    return {name: result for name, result in results.items() if result.found}


async def test_a_busy_database_has_no_fault(busy: Workshop) -> None:
    verdicts = {row[0] for row in await busy.all(select(outcomes.c.verdict).distinct())}
    assert verdicts == {"charged", "reversed", "duplicate", "superseded", "waiting"}
    assert set(await busy.states()) == {"recorded", "ignored", "failed", "discarded"}
    assert await found(busy) == {}


async def test_live_traffic_looks_like_no_fault(busy: Workshop) -> None:
    settler = await busy.settler(FakeMappings())
    numbers = itertools.count()
    stop = asyncio.Event()

    async def traffic() -> None:
        while not stop.is_set():
            key = f"live-{next(numbers) % 7}"
            ids = await busy.post(body(bill(key), bill(f"{key}-b")), body(undo(key)))
            await settler.settle(ids)

    running = asyncio.create_task(traffic())
    try:
        for _ in range(2):
            assert await found(busy) == {}
    finally:
        stop.set()
        await running
    assert next(numbers) > 2


def planted(audit: str, summary: str, *statements: str) -> tuple[str, str, tuple[str, ...]]:
    """The audit that finds a fault, its summary, and the change that plants it."""
    of_plain = "outcome_key = 'plain'"
    return audit, summary, tuple(one.replace("OF_PLAIN", of_plain) for one in statements)


PLANTED = {
    "a delivery is deleted": planted(
        "balance",
        "1 are missing",
        "DELETE FROM deliveries WHERE state = 'failed'",
    ),
    "an intake count is lost": planted(
        "balance",
        "were never accepted",
        "DELETE FROM intake WHERE id = (SELECT max(id) FROM intake)",
    ),
    "an amount is raised": planted(
        "books",
        "charges other terms than its outcome",
        "UPDATE billing_events SET amount_micros = 9000000 WHERE OF_PLAIN",
    ),
    "a currency is changed": planted(
        "books",
        "charges other terms than its outcome",
        "UPDATE billing_events SET currency = 'EUR' WHERE OF_PLAIN",
    ),
    "a customer is changed": planted(
        "books",
        "charges other terms than its outcome",
        "UPDATE billing_events SET customer_id = 'else' WHERE OF_PLAIN",
    ),
    "a day is moved": planted(
        "books",
        "charges other terms than its outcome",
        "UPDATE billing_events SET occurred_at = recorded_at WHERE outcome_key = 'dearer'"
        " AND sequence = 3",
    ),
    "what was brought back is raised": planted(
        "books",
        "charges other terms than its outcome",
        "UPDATE billing_events SET amount_micros = 9000000 WHERE outcome_key = 'back'"
        " AND sequence = 3",
    ),
    "an outcome is raised": planted(
        "books",
        "its outcomes owe 9.00 USD for agent / acme / resolved, its ledger has 1.10",
        "UPDATE outcomes SET amount_micros = 9000000 WHERE outcome_key = 'again'"
        " AND verdict = 'duplicate'",
    ),
    "a line is deleted": planted(
        "books",
        "its ledger has nothing",
        "DELETE FROM billing_events WHERE OF_PLAIN",
    ),
    "a line's outcome is deleted": planted(
        "books",
        "belongs to no outcome",
        "DELETE FROM outcomes WHERE OF_PLAIN",
    ),
    "a key is billed that no outcome knows": planted(
        "books",
        "belongs to no outcome",
        "UPDATE billing_events SET outcome_key = 'made up' WHERE OF_PLAIN",
    ),
    "a key's lock is deleted": planted(
        "books",
        "no row in outcome_keys",
        "DELETE FROM outcome_keys WHERE OF_PLAIN",
    ),
    "a reversal takes back less": planted(
        "books",
        "does not negate the charge before it",
        "UPDATE billing_events SET amount_micros = -1 WHERE kind = 'reversal'",
    ),
    "a reversal takes from another customer": planted(
        "books",
        "does not negate the charge before it",
        "UPDATE billing_events SET customer_id = 'else' WHERE kind = 'reversal'",
    ),
    "a ledger has a gap": planted(
        "books",
        "its ledger has a gap",
        "UPDATE billing_events SET sequence = sequence + 2 WHERE outcome_key ="
        " 'again' AND sequence = 3",
    ),
    "an outcome is made one that charged": planted(
        "books",
        "has no billing event that matches its verdict",
        "UPDATE outcomes SET verdict = 'charged' WHERE verdict = 'superseded'",
    ),
    "an outcome's verdict is taken away": planted(
        "books",
        "reverses against the verdict of its outcome",
        "UPDATE outcomes SET verdict = 'waiting', billing_event_id = NULL WHERE"
        " verdict = 'reversed'",
    ),
    "a duplicate names another key's line": planted(
        "books",
        "that is not the key's",
        "UPDATE outcomes SET billing_event_id = (SELECT id FROM billing_events"
        " WHERE OF_PLAIN) WHERE verdict = 'duplicate'",
    ),
    "an outcome is deleted from between": planted(
        "books",
        "of its outcomes are missing",
        "DELETE FROM outcomes WHERE outcome_key = 'again' AND ordinal = 2",
    ),
    "a line is moved to another delivery": planted(
        "books",
        "names another delivery than its outcome",
        "UPDATE billing_events SET delivery_id = (SELECT min(id) FROM deliveries"
        " WHERE state = 'ignored') WHERE OF_PLAIN",
    ),
    "a billed delivery is deleted": planted(
        "books",
        "is of a delivery that is not there",
        "DELETE FROM deliveries WHERE id = (SELECT delivery_id FROM outcomes WHERE OF_PLAIN)",
    ),
    "an outcome without an action": planted(
        "books",
        "no action names its author",
        "UPDATE billing_events SET delivery_id = NULL WHERE OF_PLAIN",
        "UPDATE outcomes SET delivery_id = NULL WHERE OF_PLAIN",
    ),
    "an outcome of an action that is not there": planted(
        "books",
        "no action names its author",
        "UPDATE outcomes SET action_id = 'none' WHERE OF_PLAIN",
    ),
    "an outcome of an action of another kind": planted(
        "books",
        "no action names its author",
        "UPDATE actions SET kind = 'discard' WHERE kind = 'rebill'",
    ),
    "a correction's outcome is deleted": planted(
        "corrections",
        "(reverse) counts 1 outcomes and has 0",
        "DELETE FROM outcomes WHERE delivery_id IS NULL",
    ),
    "a correction without an outcome": planted(
        "corrections",
        "(reverse) counts 1 outcomes and has 0",
        "UPDATE actions SET kind = 'reverse', count = 1 WHERE kind = 'discard'",
    ),
    "a recorded delivery is put back": planted(
        "records",
        "has outcomes and is received",
        "UPDATE deliveries SET state = 'received' WHERE id = (SELECT delivery_id"
        " FROM outcomes WHERE OF_PLAIN)",
    ),
    "a delivery is called recorded": planted(
        "records",
        "is recorded and has no outcome",
        "UPDATE deliveries SET state = 'recorded' WHERE state = 'discarded'",
    ),
    "a body is deleted": planted(
        "records",
        "has lost its body",
        "UPDATE deliveries SET body = NULL WHERE state = 'discarded'",
    ),
    "a failure without a reason": planted(
        "records",
        "is failed without a time or a reason",
        "UPDATE deliveries SET reason = NULL WHERE state = 'failed'",
    ),
}


@pytest.mark.parametrize(
    ("audit", "summary", "statements"), list(PLANTED.values()), ids=list(PLANTED)
)
async def test_a_change_by_hand_in_the_database_is_found(
    busy: Workshop, audit: str, summary: str, statements: tuple[str, ...]
) -> None:
    await by_hand(busy, *statements)
    result = await run(busy, audit)
    assert result.found
    assert any(summary in one for one in result.summaries), result.summaries


async def test_a_delivery_put_off_into_the_future_is_found(workshop: Workshop) -> None:
    await workshop.post(body(bill("key")))
    assert (await run(workshop, "waiting")).found == 0
    async with workshop.database.write() as connection:
        await connection.execute(
            deliveries.update().values(next_attempt_at=workshop.database.now(plus_seconds=7200))
        )
    result = await run(workshop, "waiting")
    assert result.found == 1
    assert "wait for a next attempt as late as" in result.summaries[0]
