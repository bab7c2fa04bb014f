"""What is written beside the way of a delivery: tables, time zone, rejections, uses of secrets."""

from __future__ import annotations

from tests.crashes.scenario import crashes
from tests.crashes.stage import TICKET_MICROS, Stage
from tests.support.vendors import SECRETS, helpdesk, solved


@crashes("commit in jobs.storage.migrations:migrate", kills="command")
def a_migration_is_cut_off(stage: Stage) -> None:
    """The tables are all there or none is, and `migrate` is run again."""
    with stage.new_database() as database:
        there = {"RECEIVER_DATABASE_URL": database.url}
        stage.doomed_command("migrate", environment=there)
        assert bool(stage.tables_of(database)) is not stage.is_before
        stage.run("migrate", environment=there)
        assert stage.tables_of(database) == stage.tables_of(stage.service.database)
        stage.run("status", environment=there)


BERLIN, ATHENS = "Europe/Berlin", "Europe/Athens"
ZONE = "SELECT timezone FROM installation"


@crashes("commit in jobs.timezone:claim_timezone", kills="command")
def a_time_zone_is_claimed(stage: Stage) -> None:
    """A new database has its time zone or has none, and `migrate` is run again."""
    with stage.new_database() as database:
        there = {"RECEIVER_DATABASE_URL": database.url, "RECEIVER_TIMEZONE": BERLIN}
        stage.doomed_command("migrate", environment=there)
        assert database.rows(ZONE) == ([] if stage.is_before else [(BERLIN,)])
        stage.run("migrate", environment=there)
        assert database.rows(ZONE) == [(BERLIN,)]


@crashes("commit in jobs.timezone:change_timezone", kills="command")
def a_change_of_the_time_zone_is_cut_off(stage: Stage) -> None:
    """The zone is changed and who did it is noted, or neither; a second command does it."""
    noted = "SELECT count(*) FROM actions WHERE kind = 'timezone'"
    with stage.new_database() as database:
        there = {"RECEIVER_DATABASE_URL": database.url}
        stage.run("migrate", environment={**there, "RECEIVER_TIMEZONE": BERLIN})
        change = ("timezone", ATHENS, "--note", "a crash test", "--yes")
        stage.doomed_command(*change, environment=there)
        done = [(BERLIN,), ("0",)] if stage.is_before else [(ATHENS,), ("1",)]
        assert database.rows(ZONE) + database.rows(noted) == done
        if stage.is_before:
            stage.run(*change, environment=there)
        assert stage.run("timezone", environment=there).out.strip() == ATHENS
        assert database.rows(noted) == [("1",)]


@crashes(
    "commit in jobs.intake.secret_uses:write_uses",
    kills="web",
    tuned={"jobs.intake.secret_uses:EVERY_SECONDS": 0.2},
)
def uses_of_secrets_are_cut_off(stage: Stage) -> None:
    """The deliveries are there; their count by secret lacks the last seconds, never has more."""
    counted = "SELECT coalesce(sum(\"count\"), 0) FROM secret_uses WHERE source = 'rotating'"
    stage.service.web.stop()
    ((before,),) = stage.rows(counted)
    stage.doomed()
    old = SECRETS["ROTATING_OLD_SECRET"]
    post = helpdesk(solved(stage.customer), source="rotating", secret=old)
    stage.send(post, bills={"USD": TICKET_MICROS})
    stage.dies()
    ((after,),) = stage.rows(counted)
    assert int(after) - int(before) == (0 if stage.is_before else 1)
    stage.restart()


@crashes(
    "commit in jobs.intake.rejections:write_rejections",
    kills="web",
    tuned={"jobs.intake.rejections:EVERY_SECONDS": 0.2},
)
def rejections_are_cut_off(stage: Stage) -> None:
    """A rejection is listed and counted once or not at all; what was taken in is there."""
    listed = "SELECT count(*) FROM rejections WHERE source = 'rotating'"
    counted = "SELECT coalesce(sum(\"count\"), 0) FROM rejection_counts WHERE source = 'rotating'"
    before = [int(stage.rows(one)[0][0]) for one in (listed, counted)]
    forged = helpdesk(solved(stage.customer), source="rotating", secret=SECRETS["SLOW_SECRET"])
    stage.doomed()
    assert stage.service.post(forged).status_code == 401
    stage.dies()
    after = [int(stage.rows(one)[0][0]) for one in (listed, counted)]
    more = 0 if stage.is_before else 1
    assert after == [number + more for number in before]
    stage.restart()
    stage.tell()
