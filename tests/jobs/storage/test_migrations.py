from __future__ import annotations

import asyncio
import importlib
import sys
from datetime import datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from jobs.audits.auditor import Auditor
from jobs.common.errors import is_held_up
from jobs.privacy.purge import purge, survey
from jobs.queries.deliveries.failures import read_failures
from jobs.storage import migrations
from jobs.storage.database import Database, assert_durable, open_database
from jobs.storage.migrations import _config, migrate, open_for_migration
from jobs.storage.revision import VERSIONS, schema_is_current
from jobs.storage.schema import alerts, audits, metadata
from tests.jobs.storage import first_form_of_0003
from tests.support.processes import Process
from tests.support.rows import Rows

ROOT = Path(__file__).parents[3]
MIGRATE = (
    "import asyncio, sys\n"
    "from jobs.storage.database import open_database\n"
    "from jobs.storage.migrations import migrate\n"
    "async def main():\n"
    "    database = open_database(sys.argv[1])\n"
    "    await migrate(database)\n"
    "    await database.close()\n"
    "asyncio.run(main())\n"
)


def differences(connection: Connection) -> list[object]:
    """What is not as the code expects it."""
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return [*compare_metadata(context, metadata)]


async def test_migrations_make_the_tables_that_the_code_expects(database: Database) -> None:
    await migrate(database)
    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


def nets(connection: Connection) -> tuple[set[str], set[str]]:
    """The names of all checks, and the conditions of the index of what waits."""
    found = inspect(connection)
    checks = {
        str(check["name"])
        for table in metadata.tables
        for check in found.get_check_constraints(table)
    }
    waiting = {
        str(condition)
        for index in found.get_indexes("deliveries")
        if index["name"] == "ix_deliveries_waiting"
        for condition in index["dialect_options"].values()
    }
    return checks, waiting


CHECKS = {
    "ck_deliveries_evidence",
    "ck_deliveries_gone",
    "ck_deliveries_state",
    "ck_outcomes_amount_rule",
    "ck_outcomes_kind",
    "ck_outcomes_verdict",
    "ck_billing_events_kind",
    "ck_installation_one_row",
    "ck_mapping_set_one_row",
    "ck_purge_guard_never_committed",
}


async def test_migrations_make_the_checks_that_the_code_expects(database: Database) -> None:
    """Alembic's own comparison looks at no CHECK and at no partial index."""
    await migrate(database)
    async with database.read() as connection:
        checks, waiting = await connection.run_sync(nets)
    assert checks == CHECKS
    assert any("received" in condition for condition in waiting)


async def make_first_form_of_0003(database: Database) -> None:
    """The tables of the version that had revision 0003 first, with a charge in them."""

    def make(connection: Connection) -> None:
        command.upgrade(_config(connection), "0002")
        context = MigrationContext.configure(
            connection, opts={"transactional_ddl": False, "target_metadata": metadata}
        )
        with Operations.context(context):
            first_form_of_0003.upgrade()
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))

    async with database.write() as connection:
        await connection.run_sync(make)
        for statement in CHARGED:
            await connection.execute(text(statement))


OLD_DELIVERY = (
    "INSERT INTO deliveries (id, source, dedupe_key, body_sha256, headers, received_at, settled_at,"
    " next_attempt_at, state, evidence)"
    " VALUES ('{id}', 'crm', '{id}', '0', '{{}}', '{at}', '{at}', '{at}', '{state}', '{evidence}')"
)
OLD_OUTCOME = (
    "INSERT INTO outcomes (id, outcome_key, ordinal, delivery_id, source, rule, kind, customer_id,"
    " recorded_at, meta_tags, verdict, billing_event_id)"
    " VALUES ('o', 'key', 1, 'd', 'crm', 'r', 'charge', 'acme', '{at}', '{{}}', 'charged', 'b')"
)
OLD_LINE = (
    "INSERT INTO billing_events (id, outcome_key, sequence, kind, agent_id, customer_id, indicator,"
    " amount_micros, currency, occurred_at, recorded_at, delivery_id, source, outcome_id,"
    " meta_tags) VALUES ('b', 'key', 1, 'charge', 'a', 'acme', 'i', 990000, 'USD', '{at}', '{at}',"
    " 'd', 'crm', 'o', '{{}}')"
)
RESTORED = (
    "INSERT INTO outcomes (id, outcome_key, ordinal, source, rule, kind, recorded_at, meta_tags,"
    " verdict, action_id) VALUES"
    " ('p', 'key', 2, 'crm', 'r', 'reinstatement', '2026-11-24 18:45:30.000000', '{}',"
    " 'duplicate', NULL)"
)
AT = "2026-11-24 18:45:30.000000"
CHARGED = (
    OLD_DELIVERY.format(id="d", state="recorded", evidence="kept", at=AT),
    OLD_DELIVERY.format(id="e", state="ignored", evidence="expired", at=AT),
    "INSERT INTO outcome_keys (outcome_key) VALUES ('key')",
    OLD_OUTCOME.format(at=AT),
    OLD_LINE.format(at=AT),
)


async def test_a_database_of_the_first_form_of_0003_is_brought_along(database: Database) -> None:
    """It is marked 0003 too, and lacked what a purge, audits and alerts need."""
    await make_first_form_of_0003(database)
    assert not await schema_is_current(database)
    await migrate(database)
    assert await schema_is_current(database)
    async with database.read() as connection:
        assert await connection.run_sync(differences) == []
        checks, _ = await connection.run_sync(nets)
        kept = await connection.execute(text("SELECT id, evidence FROM deliveries ORDER BY id"))
        assert [tuple(row) for row in kept] == [("d", "kept"), ("e", "expired")]
        assert await connection.scalar(text("SELECT amount_rule FROM outcomes")) == "first"
    assert checks == CHECKS
    async with database.write() as connection:
        await connection.execute(text(RESTORED))
    await Auditor(database).run_due()
    await purge(database, "acme", await survey(database, "acme"), actor="test")
    async with database.read() as connection:
        named = await connection.scalar(text("SELECT customer_id FROM billing_events"))
        assert named.startswith("purged-")
    for change in ("amount_micros = 1", "customer_id = 'acme'"):
        for table in ("billing_events", "outcomes"):
            with pytest.raises(DBAPIError, match=f"{table} is append only"):
                async with database.write() as connection:
                    await connection.execute(text(f"UPDATE {table} SET {change}"))  # noqa: S608 - from above


def _upgrade_by(connection: Connection, name: str) -> None:
    """Do again what the revision of this name does."""
    (path,) = VERSIONS.glob(f"*_{name}.py")
    revision = importlib.import_module(f"jobs.storage.migrations.versions.{path.stem}")
    with Operations.context(MigrationContext.configure(connection)):
        revision.upgrade()


async def test_failures_of_before_are_given_their_groups(database: Database) -> None:
    await migrate(database)
    rows = Rows(database)
    for detail in ('no key "1"', 'no key "2"', "no JSON"):
        await rows.failure("mapping", detail, failure_group=None)
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE deliveries DROP COLUMN failure_group"))
        await connection.run_sync(_upgrade_by, "failure_groups")
    groups = {group.detail: group for group in await read_failures(database)}
    assert groups.keys() == {'no key "…"', "no JSON"}
    assert all(f"--group {group.id}" in group.replay for group in groups.values())


async def test_a_database_says_whether_it_is_up_to_date(database: Database) -> None:
    assert not await schema_is_current(database)
    await migrate(database)
    assert await schema_is_current(database)
    for revision, is_current in {"0001": False, "9999": True, "another's": False}.items():
        async with database.write() as connection:
            await connection.execute(
                text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
            )
        assert await schema_is_current(database) == is_current


async def test_migrating_again_does_nothing(database: Database) -> None:
    await migrate(database)
    async with database.write() as connection:
        await connection.execute(text("INSERT INTO outcome_keys (outcome_key) VALUES ('kept')"))
    await migrate(database)
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM outcome_keys")) == 1


async def test_two_migrate_at_once_over_connections_of_their_own(database_url: str) -> None:
    databases = [open_database(database_url) for _ in range(3)]
    await asyncio.gather(*(migrate(database) for database in databases))
    assert all([await schema_is_current(database) for database in databases])
    for database in databases:
        await database.close()


async def test_many_open_a_new_sqlite_file_at_once(tmp_path: Path) -> None:
    """One of them switches it to WAL; SQLite tells the others "locked" without waiting."""
    for number in range(25):
        url = f"sqlite+aiosqlite:///{tmp_path / str(number)}.db"
        databases = [open_database(url) for _ in range(8)]
        await asyncio.gather(*(assert_durable(database) for database in databases))
        for database in databases:
            await database.close()


async def test_two_processes_migrate_at_once(database_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", MIGRATE, database_url]
    processes = [
        Process(command, log=tmp_path / f"log-{number}", directory=ROOT) for number in range(3)
    ]
    codes = [process.wait() for process in processes]
    assert codes == [0, 0, 0], "\n".join(process.output() for process in processes)
    database = open_database(database_url)
    assert await schema_is_current(database)
    await database.close()


async def test_a_migration_may_take_longer_than_other_statements(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check over four million deliveries took 30 s, and it could never be made."""
    monkeypatch.setattr(open_database, "__kwdefaults__", {**HASTY, "statement_seconds": 0.3})
    patient, hasty = open_for_migration(postgres_url), open_database(postgres_url)
    with pytest.raises((TimeoutError, PendingRollbackError)):
        await sleep(hasty)
    await sleep(patient)
    for database in (hasty, patient):
        await database.close()


HASTY = dict(open_database.__kwdefaults__ or {})


async def sleep(database: Database) -> None:
    async with database.read() as connection:
        await connection.execute(text("SELECT pg_sleep(1)"))


async def test_a_migration_does_not_queue_everybody_behind_a_long_reader(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 0.2)
    database, reader = open_for_migration(postgres_url), open_database(postgres_url)
    await make_first_form_of_0003(database)
    async with reader.read() as connection:
        await connection.execute(text("SELECT count(*) FROM deliveries"))
        with pytest.raises(DBAPIError) as raised:
            await migrate(database)
        assert is_held_up(raised.value)
    assert not await schema_is_current(database)
    await migrate(database)
    for one in (database, reader):
        await one.close()


async def test_alerts_of_before_are_kept_under_the_names_of_today(database: Database) -> None:
    def to_16(connection: Connection) -> None:
        command.upgrade(_config(connection), "0016")

    async with database.write() as connection:
        await connection.run_sync(to_16)
        for statement in (OLD_NOTICE, OLD_AUDITS):
            await connection.exec_driver_sql(statement)
    await migrate(database)
    async with database.read() as connection:
        (alert,) = (await connection.execute(select(alerts))).mappings().all()
        rounds = (await connection.execute(select(audits).order_by(audits.c.name))).mappings().all()
        gone = await connection.run_sync(lambda sync: not inspect(sync).has_table("notices"))
    assert (alert["key"], alert["id"], alert["attempts"]) == ("silence:crm", "n", 2)
    assert alert["resolved_at"] == alert["opened_at"] == datetime.fromisoformat(f"{AT}+00:00")
    assert alert["detail"] == {
        "summary": "silent", "commands": ["receiver sources"], "labels": {}, "resolved": "over",
    }  # fmt: skip
    assert [(one["name"], one["detail"]) for one in rounds] == [
        ("alerts", {}),
        ("books", {"summaries": ["key k"]}),
    ]
    assert rounds[0]["progress"] == {"failed": [1]}
    assert gone


OLD_DETAIL = '{"says": "silent", "run": ["receiver sources"], "facts": {}, "ended": "over"}'
OLD_NOTICE = (
    "INSERT INTO notices (key, id, kind, detail, opened_at, ended_at, attempts, next_attempt_at)"  # noqa: S608 - from above
    f" VALUES ('silence:crm', 'n', 'silence', '{OLD_DETAIL}', '{AT}', '{AT}', 2, '{AT}')"
)
OLD_AUDITS = (
    "INSERT INTO audits (name, found, detail, progress, next_at) VALUES"  # noqa: S608 - from above
    f""" ('books', 1, '{{"says": ["key k"]}}', '{{}}', '{AT}'),"""
    f""" ('notices', 0, '{{}}', '{{"failed": [1]}}', '{AT}')"""
)
