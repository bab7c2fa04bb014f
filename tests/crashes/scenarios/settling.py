"""Settling: the job, the claim, the transaction that records, and what a fault costs."""

from __future__ import annotations

import signal

from tests.crashes.scenario import crashes
from tests.crashes.stage import TICKET_MICROS, Stage
from tests.support.vendors import helpdesk


def _told_while_it_works(stage: Stage) -> None:
    """A story comes while the doomed worker is at work, and another takes over."""
    stage.doomed()
    stage.tell()
    stage.dies()
    stage.restart()


@crashes("job in jobs.queue.consumer:Listener._run_job", kills="worker")
def a_job_is_done_again_or_never(stage: Stage) -> None:
    """A job that ran and was not acknowledged runs again and posts nothing more."""
    _told_while_it_works(stage)


@crashes("commit in jobs.settling.claims:claim", kills="worker")
def what_was_taken_up_is_taken_up_again(stage: Stage) -> None:
    """A claim of a dead worker runs out, and the next one settles the delivery."""
    _told_while_it_works(stage)


@crashes("commit in jobs.settling.claims:claim", kills="worker")
def a_sweep_without_redis_is_cut_off(stage: Stage) -> None:
    """Deliveries that no ring tells of are found by the sweeper, before and after the crash."""
    stage.installation.kill("worker")
    stage.tell()
    stage.service.valkey.flush()
    stage.doomed()
    stage.dies()
    stage.restart()


@crashes("commit in jobs.ledger.recording:Recorder.settle", kills="worker")
def a_batch_is_recorded_whole_or_not_at_all(stage: Stage) -> None:
    """Ledger, outcomes and states are there together or not, and the next worker posts the rest."""
    _told_while_it_works(stage)


@crashes(
    "commit in jobs.settling.claims:keep_alive",
    kills="worker",
    tuned={"jobs.settling.mapper:KEEP_ALIVE_SECONDS": 0.01},
)
def a_long_mapping_is_cut_off(stage: Stage) -> None:
    """A lease that was moved on for a long mapping runs out all the same."""
    busy = {"numbers": list(range(50)), "bills": False, "customer": stage.customer}
    post = helpdesk([busy | {"bills": True}, *[busy] * 100], source="slow")
    stage.doomed()
    stage.send(post, bills={"USD": TICKET_MICROS})
    stage.dies()
    stage.restart()


@crashes(
    "commit in jobs.settling.claims:release",
    kills="worker",
    tuned={"jobs.settling.attempt:TURN_SECONDS": 0},
)
def what_makes_way_for_others_is_not_forgotten(stage: Stage) -> None:
    """Deliveries requeued because their turn is over are settled all the same."""
    _told_while_it_works(stage)


@crashes(
    "commit in jobs.settling.claims:release",
    kills="worker",
    tuned={"jobs.settling.retry:BACKOFF_LONGEST_SECONDS": 0.2},
    faults={"jobs.ledger.recording:Recorder.settle": "ConnectionResetError"},
)
def an_attempt_that_a_neighbour_ended_is_released_or_not(stage: Stage) -> None:
    """A lost connection followed by a kill loses nothing, whether released or counted."""
    _told_while_it_works(stage)


@crashes(
    "commit in jobs.settling.claims:reschedule",
    kills="worker",
    faults={"mappings.engine.loading.mapping_set:MappingSet.map": "RuntimeError"},
)
def what_a_bug_broke_is_tried_again(stage: Stage) -> None:
    """A delivery that a bug broke and whose worker died is tried again, and bills once."""
    _told_while_it_works(stage)


@crashes(
    "commit in jobs.settling.claims:fail_permanently",
    kills="worker",
    tuned={"jobs.settling.retry:LAST_ATTEMPT": 1},
    faults={"mappings.engine.loading.mapping_set:MappingSet.map": "RuntimeError"},
)
def what_was_given_up_is_failed_and_replayed(stage: Stage) -> None:
    """It is `failed` as `internal` or still waits; replayed after the fix it bills once."""
    stage.doomed()
    (delivery,) = stage.send(*stage.tickets(1), bills={"USD": TICKET_MICROS})
    stage.dies()
    assert stage.state_of([delivery]) == {"received" if stage.is_before else "failed"}
    stage.restart()
    if not stage.is_before:
        assert stage.service.replay(ids=[delivery])["recorded"] == 1


@crashes("commit in jobs.heartbeat:Heartbeat.beat", kills="worker")
def a_worker_dies_at_its_start(stage: Stage) -> None:
    """A worker that dies before it works holds nothing up."""
    stage.installation.kill("worker")
    stage.tell()
    stage.doomed()
    stage.dies()
    stage.restart()


@crashes("commit in jobs.heartbeat:Heartbeat.stop", kills="worker")
def a_worker_dies_at_its_stop(stage: Stage) -> None:
    """A worker killed while it stops has settled what it took up, or leaves it to the next."""
    doomed = stage.doomed()
    stage.tell()
    doomed.signal(signal.SIGTERM)
    stage.dies()
    stage.restart()


@crashes("commit in jobs.mapping_store:accept", kills="worker")
def an_edit_is_in_force_though_it_was_not_stored(stage: Stage) -> None:
    """An edited mapping is used after the restart and is remembered in the database then."""
    edited = stage.service.mappings / "rekeyed.yaml"
    stage.installation.kill("worker")
    stage.installation.kill("web")
    edited.write_text(f"{edited.read_text()}# {stage.customer} {stage.moment}\n")
    stage.doomed()
    stage.dies()
    stage.restart()
    stage.installation.start("web")
    stage.tell()
    remembered = "SELECT length(text) FROM mapping_files WHERE name = 'rekeyed.yaml'"
    assert stage.rows(remembered) == [(str(edited.stat().st_size),)]
