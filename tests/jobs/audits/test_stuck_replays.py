"""A replay that cannot end, or does not move, is found; one that moves is left in peace."""

from __future__ import annotations

from datetime import timedelta

from jobs.audits.auditor import run_audit
from jobs.audits.replays import STILL, audit_replays, moved, still
from jobs.filters import DeliveryFilter
from jobs.replays.replay import start_replay
from jobs.storage.schema import replay_items
from tests.jobs.audits.conftest import DAY
from tests.jobs.doubles import bill, body, needing
from tests.jobs.workshop import Workshop


def test_a_replay_that_moves_is_never_still_and_one_that_stands_is_after_a_while() -> None:
    seen = moved({}, {"a": 10, "b": 10}, DAY)
    later = DAY + STILL
    seen = moved(seen, {"a": 9, "b": 10}, later)
    assert [fault.subject for fault in still(seen, later)] == ["b"]
    assert still(seen, later - timedelta(seconds=1)) == []
    assert moved(seen, {}, later) == {}


async def waiting_replay(workshop: Workshop) -> str:
    settler = await workshop.settler()
    await settler.settle(await workshop.post(body(needing("a price", bill("key")))))
    where = DeliveryFilter(reason="unpriced")
    return (await start_replay(workshop.database, where, actor="me")).id


async def test_a_replay_without_progress_is_found_after_a_while(workshop: Workshop) -> None:
    replay = await waiting_replay(workshop)
    first = await audit_replays(workshop.database, {})
    assert (first.found, first.progress["seen"][replay]["left"]) == (0, 1)
    long_ago = {"seen": {replay: {"left": 1, "since": DAY.isoformat()}}}
    result = await audit_replays(workshop.database, long_ago)
    assert result.found == 1
    assert result.summaries[0].startswith(f"replay {replay} has 1 deliveries left since 2026-03-01")


async def test_a_replay_that_waits_for_what_has_settled_is_found_at_once(
    workshop: Workshop,
) -> None:
    replay = await waiting_replay(workshop)
    async with workshop.database.write() as connection:
        await connection.execute(replay_items.update().values(released=1))
    result = await run_audit(
        workshop.database, "replays", seconds=None, on_progress=lambda _number: None
    )
    assert result.found == 1
    assert f"replay {replay} waits for delivery" in result.summaries[0]
    assert result.summaries[0].endswith("which is failed")
