"""Replay and discard: asking for it, each step of it, its end."""

from __future__ import annotations

from collections.abc import Sequence

from tests.crashes.scenario import crashes
from tests.crashes.stage import TICKET_MICROS, Stage

SMALL_STEPS = {"jobs.replays.runner:STEP": 2}


def _actions(stage: Stage, ids: Sequence[str]) -> list[str]:
    """The kinds of action noted that name one of these deliveries."""
    noted = stage.rows('SELECT kind, "filter" FROM actions ORDER BY id')
    return [row[0] for row in noted if any(one in row[1] for one in ids)]


def _replay_by_a_doomed_worker(
    stage: Stage, ids: Sequence[str], *, state: str = "failed"
) -> dict[str, object]:
    """Ask the web process, let the doomed worker begin and the next one go on; how it ended."""
    stage.installation.kill("worker")
    started = stage.service.api("replays", body={"ids": list(ids), "state": state})
    assert started["matched"] == len(ids)
    stage.doomed()
    stage.dies()
    stage.restart()
    stage.settle()
    assert _actions(stage, ids) == ["replay"]
    ended = dict(stage.service.api(f"replays/{started['id']}"))
    assert (ended["state"], ended["matched"], ended["done"]) == ("done", len(ids), len(ids))
    return ended


def _all_bill(stage: Stage, ids: Sequence[str]) -> None:
    """Once replayed these are `recorded` and owe for a ticket each."""
    stage.acknowledged |= dict.fromkeys(ids, "recorded")
    stage.owed["USD"] += len(ids) * TICKET_MICROS


@crashes("commit in jobs.replays.replay:start_replay", kills="command")
def a_replay_is_asked_for(stage: Stage) -> None:
    """The whole replay is there and goes on by itself, or none of it is; it is noted once."""
    ids = stage.settle_failing(3)
    stage.doomed_command("replay", *ids, "--yes")
    if stage.is_before:
        assert _actions(stage, ids) == []
        stage.run("replay", *ids, "--yes", "--wait")
    stage.run("status")
    stage.settle()
    assert _actions(stage, ids) == ["replay"]
    _all_bill(stage, ids)


@crashes(
    "commit in jobs.replays.replay:start_replay",
    kills="command",
    passing=2,
    tuned={"jobs.storage.batching:STEP": 2},
)
def a_large_replay_is_gathered(stage: Stage) -> None:
    """Cut off between two parts it takes up nothing and is not noted; a second one is whole."""
    ids = stage.settle_failing(5)
    stage.doomed_command("replay", *ids, "--yes")
    assert stage.state_of(ids) == {"failed"}
    assert _actions(stage, ids) == []
    stage.run("replay", *ids, "--yes", "--wait")
    assert _actions(stage, ids) == ["replay"]
    _all_bill(stage, ids)


@crashes(
    "commit in jobs.replays.runner:ReplayRunner._step",
    kills="worker",
    passing=2,
    tuned=SMALL_STEPS,
)
def a_step_of_a_replay_is_cut_off(stage: Stage) -> None:
    """The next worker goes on where it was; each delivery is counted and billed once."""
    ids = stage.settle_failing(5)
    ended = _replay_by_a_doomed_worker(stage, ids)
    assert (ended["recorded"], ended["unchanged"]) == (5, 0)
    _all_bill(stage, ids)


@crashes(
    "commit in jobs.replays.runner:ReplayRunner._compare",
    kills="worker",
    passing=2,
    tuned=SMALL_STEPS,
)
def a_comparison_of_what_is_recorded_is_cut_off(stage: Stage) -> None:
    """Each recorded delivery is counted once as unchanged, and no total changes."""
    ids = stage.send(*stage.tickets(5), bills={"USD": TICKET_MICROS})
    stage.settle()
    ended = _replay_by_a_doomed_worker(stage, ids, state="recorded")
    assert (ended["unchanged"], ended["recorded"], ended["differences"]) == (5, 0, [])


@crashes("commit in jobs.replays.runner:ReplayRunner._finish", kills="worker")
def a_replay_is_closed(stage: Stage) -> None:
    """A replay of which all is done is closed by the next worker, its counts as they were."""
    ids = stage.settle_failing(2)
    ended = _replay_by_a_doomed_worker(stage, ids)
    assert (ended["recorded"], ended["unchanged"]) == (2, 0)
    _all_bill(stage, ids)


@crashes("commit in jobs.replays.runner:ReplayRunner._give_way", kills="worker")
def a_replay_by_other_mappings_is_left_alone(stage: Stage) -> None:
    """Nothing is billed by mappings that the replay does not name, before the crash or after."""
    ids = stage.settle_failing(3)
    where = {"ids": list(ids), "state": "failed"}
    version = stage.service.api("replays", body={**where, "dry_run": True})["mapping_version"]
    stage.installation.kill("worker")
    started = stage.service.api("replays", body={**where, "mapping_version": version})
    with stage.service.reloaded():
        stage.service.edit("agents.yaml", '"0.99"', '"1.20"')
    try:
        stage.doomed()
        stage.dies()
        stage.restart()
        stage.settle()
    finally:
        with stage.service.reloaded():
            stage.service.edit("agents.yaml", '"1.20"', '"0.99"')
    ended = stage.service.api(f"replays/{started['id']}")
    assert (ended["state"], ended["not_replayed"], ended["recorded"]) == ("done", 3, 0)
    assert stage.state_of(ids) == {"failed"}


@crashes("commit in jobs.replays.replay:discard", kills="command")
def a_discard_is_cut_off(stage: Stage) -> None:
    """All of it is discarded and noted once, or nothing is and a second `discard` does it."""
    ids = stage.settle_failing(2)
    discard = ("discard", *ids, "--note", "a crash test", "--yes")
    stage.doomed_command(*discard)
    assert stage.state_of(ids) == {"failed" if stage.is_before else "discarded"}
    stage.run(*discard)
    stage.acknowledged |= dict.fromkeys(ids, "discarded")
    noted = stage.rows('SELECT "filter", "count" FROM actions')
    assert [row[1] for row in noted if ids[0] in row[0] and row[1] != "0"] == ["2"]


@crashes(
    "commit in jobs.replays.replay:discard",
    kills="command",
    passing=2,
    tuned={"jobs.storage.batching:STEP": 2},
)
def a_large_discard_is_cut_off(stage: Stage) -> None:
    """What is discarded by then is noted, part by part; a second `discard` does the rest."""
    ids = stage.settle_failing(5)
    discard = ("discard", *ids, "--note", "a crash test of many", "--yes")
    stage.doomed_command(*discard)
    assert _discarded(stage, ids) == (2 if stage.is_before else 4)
    stage.run(*discard)
    assert _discarded(stage, ids) == 5
    stage.acknowledged |= dict.fromkeys(ids, "discarded")


def _discarded(stage: Stage, ids: Sequence[str]) -> int:
    """How many are, by their state and by what is noted: the same."""
    noted = stage.rows('SELECT "filter", "count" FROM actions')
    named = sum(int(row[1]) for row in noted if ids[0] in row[0])
    listed = ", ".join(f"'{one}'" for one in ids)
    ((number,),) = stage.rows(
        f"SELECT count(*) FROM deliveries WHERE state = 'discarded' AND id IN ({listed})"  # noqa: S608 - ids of ours
    )
    assert int(number) == named
    return named
