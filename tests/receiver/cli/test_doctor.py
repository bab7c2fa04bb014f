"""`receiver doctor` on a real database and Redis: good, with each fault, and with parts away."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from jobs.heartbeat import mappings_health
from jobs.storage.schema import heartbeats, rejections
from mappings.engine.loading.load import load, read_directory
from receiver.health.registry import NAMES
from receiver.signatures import RULES
from tests.receiver.cli.conftest import Installation, Ran
from tests.support.rows import Rows
from tests.support.valkey import Valkey

Work = Callable[[Rows], Coroutine[Any, Any, None]]


@pytest.fixture
def healthy(
    installed: Installation, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """An installation in which nothing is wrong: processes alive, one delivery billed."""
    monkeypatch.setenv("RECEIVER_REDIS_URL", valkey.url)
    (installed.root / "receiver.db").chmod(0o600)

    async def billed(rows: Rows) -> None:
        await beat(rows, installed.mappings)
        await rows.accepted(1)
        await bill(rows)

    installed.fill(billed)
    return installed


async def bill(rows: Rows) -> None:
    """A charge as settling leaves it."""
    delivery = await rows.delivery()
    await rows.outcome(delivery, billing_event_id="b1")
    async with rows.database.write() as connection:
        await connection.execute(
            text(
                "INSERT INTO billing_events (id, outcome_key, sequence, kind, agent_id,"
                " customer_id, indicator, amount_micros, currency, occurred_at, recorded_at,"
                " delivery_id, event_index, source, outcome_id, meta_tags)"
                " SELECT 'b1', outcome_key, 1, kind, agent_id, customer_id, indicator,"
                " amount_micros, currency, recorded_at, recorded_at, delivery_id, event_index,"
                " source, id, '{}' FROM outcomes"
            )
        )


async def beat(rows: Rows, folder: Path, **detail: Any) -> None:
    """A web process and a worker are alive, with the mappings of `folder`."""
    health = mappings_health(
        load(read_directory(folder), timezone="UTC", schemes=RULES), timezone="UTC"
    )
    async with rows.database.write() as connection:
        for role in ("web", "work"):
            row = {
                "name": f"vm:{role}",
                "role": role,
                "seen_at": rows.database.now(plus_seconds=60),
                "detail": {**health, "redis": True, **detail},
            }
            await connection.execute(rows.database.upsert(heartbeats, key=["name"], values=row))


def statuses(ran: Ran) -> dict[str, str]:
    return {one["name"]: one["status"] for one in ran.json}


def problems(ran: Ran, name: str) -> list[tuple[str, str, str]]:
    """Severity, summary, and what to do, of each problem that the check found."""
    (check,) = [one for one in ran.json if one["name"] == name]
    assert {one["name"] for one in check["problems"]} <= {name}
    return [
        (one["severity"], one["summary"], " ".join([one["remediation"], *one["commands"]]).strip())
        for one in check["problems"]
    ]


def test_where_nothing_is_wrong_every_check_is_good(healthy: Installation) -> None:
    ran = healthy.run("doctor", "--json")
    assert statuses(ran) == dict.fromkeys(NAMES, "ok")
    assert ran.code == 0
    shown = healthy.run("doctor")
    assert (shown.code, shown.out.splitlines()[-1]) == (0, "nothing is wrong")
    assert len(shown.out.splitlines()) == len(NAMES) + 1


def test_full_looks_at_everything_and_agrees(healthy: Installation) -> None:
    assert healthy.run("doctor", "--full").code == 0


async def _no_worker(rows: Rows) -> None:
    async with rows.database.write() as connection:
        await connection.execute(heartbeats.delete().where(heartbeats.c.role == "work"))


async def _deaf_worker(rows: Rows) -> None:
    async with rows.database.write() as connection:
        await connection.execute(
            heartbeats.update().where(heartbeats.c.role == "work").values(detail={"redis": False})
        )


async def _older_mappings(rows: Rows) -> None:
    async with rows.database.write() as connection:
        await connection.execute(
            heartbeats.update().where(heartbeats.c.role == "work").values(detail={"mappings": "o"})
        )


async def _slow_clock(rows: Rows) -> None:
    async with rows.database.write() as connection:
        await connection.execute(
            heartbeats.update().values(detail={"signed_lags": {"zendesk": [-95.0, 30]}})
        )


async def _refused_for_time(rows: Rows) -> None:
    async with rows.database.write() as connection:
        for number in range(5):
            await connection.execute(
                insert(rejections).values(
                    id=f"r{number}",
                    at=datetime.now(UTC),
                    source="zendesk",
                    cause="stale-timestamp",
                    detail="",
                    remote="1.2.3.4",
                    header_names=[],
                )
            )


async def _unbalanced(rows: Rows) -> None:
    await rows.accepted(2)


async def _raised_amount(rows: Rows) -> None:
    async with rows.database.write() as connection:
        await connection.execute(text("DROP TRIGGER billing_events_no_update"))
        await connection.execute(text("UPDATE billing_events SET amount_micros = 990001"))


async def _backlog(rows: Rows) -> None:
    await rows.accepted(1)
    await rows.delivery("received", id="d0", dedupe_key="another")


async def _older_tables(rows: Rows) -> None:
    async with rows.database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))


@pytest.mark.parametrize(
    ("work", "name", "expected", "remediation"),
    [
        pytest.param(
            _no_worker,
            "worker",
            "no work process was alive in the last 12 s",
            "receiver work",
            id="work",
        ),
        pytest.param(_deaf_worker, "worker", "does not reach Redis", "redis", id="deaf-worker"),
        pytest.param(
            _older_mappings, "versions", "use different mappings", "RECEIVER_MAPPINGS", id="files"
        ),
        pytest.param(_slow_clock, "clock", "s clock: it is slow", "NTP", id="slow-clock"),
        pytest.param(_refused_for_time, "clock", "5 requests of zendesk", "NTP", id="refused"),
        pytest.param(_unbalanced, "balance", "2 are missing", "keep a copy", id="balance"),
        pytest.param(_raised_amount, "books", "charges other terms than", "reverse", id="books"),
        pytest.param(
            _backlog, "backlog", "deliveries wait, the oldest for", "more workers", id="backlog"
        ),
        pytest.param(_older_tables, "revision", "lacks this version", "migrate", id="tables"),
    ],
)
def test_each_fault_in_the_database_is_a_problem_with_its_remediation(
    healthy: Installation, work: Work, name: str, expected: str, remediation: str
) -> None:
    healthy.fill(work)
    ran = healthy.run("doctor", "--json")
    assert ran.code == 1
    assert name in ran.err
    (severity, summary, to_do), *_ = problems(ran, name)
    assert severity == "problem"
    assert expected in summary
    assert remediation in to_do
    shown = healthy.run("doctor")
    assert shown.code == 1
    assert expected in shown.out
    assert remediation in shown.out


def test_a_broken_mapping_is_named_at_its_place(healthy: Installation) -> None:
    healthy.edit("outcomes:", "outcoms:")
    ran = healthy.run("doctor", "--json")
    summaries = [summary for _, summary, _ in problems(ran, "mappings")]
    assert any("zendesk.yaml" in text and "`outcoms` is not known" in text for text in summaries)


def test_a_silent_source_is_named(healthy: Installation) -> None:
    healthy.edit("source: zendesk\n", "source: zendesk\nexpect_every: 2h\n")
    ((_, summary, remediation),) = problems(healthy.run("doctor", "--json"), "silence")
    assert summary.startswith("source zendesk is silent since 2026-05-01")
    assert "receiver rejections" in remediation


def test_a_source_without_a_secret_is_named(
    healthy: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZENDESK_SECRET")
    ((_, summary, remediation),) = problems(healthy.run("doctor", "--json"), "secrets")
    assert summary == "source zendesk has no secret and answers 503"
    assert remediation == "set ZENDESK_SECRET"


def test_a_setting_that_nothing_reads_is_worth_knowing(
    healthy: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_RETENTON_DAYS", "30")
    ran = healthy.run("doctor", "--json")
    ((severity, summary, remediation),) = problems(ran, "settings")
    assert (ran.code, severity) == (0, "note")
    assert "RECEIVER_RETENTON_DAYS is no setting; did you mean RECEIVER_RETENTION_DAYS?" in summary
    assert "docs/settings.md" in remediation


def test_a_throw_away_secret_is_worth_knowing_and_no_problem(
    healthy: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZENDESK_SECRET")
    made = healthy.root / "var" / "secrets"
    made.mkdir(parents=True)
    (made / "ZENDESK_SECRET").write_text("a planted throw-away value\n")
    (made / "ZENDESK_SECRET").chmod(0o600)
    ran = healthy.run("doctor", "--json")
    ((severity, summary, _),) = problems(ran, "secrets")
    assert (ran.code, severity) == (0, "note")
    assert "throw-away" in summary
    assert "planted" not in ran.out + ran.err


@pytest.mark.parametrize("where", [".env", "secrets/ZENDESK_SECRET"])
def test_a_file_of_secrets_that_others_can_read_is_named(
    healthy: Installation, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = healthy.root / where
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    path.chmod(0o644)
    (healthy.root / "secrets").mkdir(exist_ok=True)
    monkeypatch.setenv("RECEIVER_SECRETS_DIR", str(healthy.root / "secrets"))
    ran = healthy.run("doctor", "--json")
    ((_, summary, remediation),) = problems(ran, "files")
    assert ran.code == 1
    assert "chmod 600" in remediation
    assert where in summary
    path.chmod(0o600)
    assert problems(healthy.run("doctor", "--json"), "files") == []


def test_a_folder_of_secrets_that_is_not_there_is_named(
    healthy: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_SECRETS_DIR", str(healthy.root / "nowhere"))
    ran = healthy.run("doctor", "--json")
    ((_, summary, remediation),) = problems(ran, "files")
    assert summary == f"{healthy.root / 'nowhere'} cannot be read"
    assert "RECEIVER_SECRETS_DIR" in remediation


def test_without_redis_the_others_are_checked(healthy: Installation, valkey: Valkey) -> None:
    valkey.kill()
    ran = healthy.run("doctor", "--json")
    bad = {name for name, status in statuses(ran).items() if status == "problem"}
    assert (ran.code, bad) == (1, {"redis"})


def test_without_a_database_what_needs_none_is_checked(
    bare: Installation, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_REDIS_URL", valkey.url)
    ran = bare.run("doctor", "--json")
    found = statuses(ran)
    good = {name for name, status in found.items() if status == "ok"}
    assert list(found) == list(NAMES)
    assert good == {"disk", "redis", "mappings", "settings", "secrets", "files", "public-url"}
    ((_, summary, _),) = problems(ran, "database")
    assert "there is no database yet" in summary
    assert ran.code == 1
    assert not (bare.root / "receiver.db").exists()


def test_what_waits_for_the_database_is_named_in_one_line(
    bare: Installation, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_REDIS_URL", valkey.url)
    ran = bare.run("doctor")
    (line,) = [one for one in ran.out.splitlines() if "skipped" in one]
    assert line.startswith("skipped: the database does not answer: revision, durability")
    assert line.endswith("alerts")
    left = line.count(",") + 1
    assert f"1 check found a problem: database; {left} could not run" in ran.err


def test_a_database_that_is_away_is_a_problem_and_no_traceback(
    healthy: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "RECEIVER_DATABASE_URL", "postgresql+asyncpg://me:hunter2@127.0.0.1:1/receiver"
    )
    ran = healthy.run("doctor", "--json")
    ((severity, summary, _),) = problems(ran, "database")
    assert (ran.code, severity) == (1, "problem")
    assert "the database does not answer" in summary
    assert "hunter2" not in ran.out + ran.err


def test_a_file_that_is_no_database_is_a_problem_and_the_other_checks_run(
    healthy: Installation,
) -> None:
    (healthy.root / "receiver.db").write_bytes(b"not a database" * 1000)
    ran = healthy.run("doctor", "--json")
    ((severity, summary, _),) = problems(ran, "database")
    assert (ran.code, severity) == (1, "problem")
    assert "file is not a database" in summary
    assert {statuses(ran)[name] for name in ("redis", "mappings", "secrets")} == {"ok"}


def test_mappings_that_cannot_be_read_are_a_problem_and_no_traceback(
    healthy: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_MAPPINGS", str(healthy.root / "nowhere"))
    ran = healthy.run("doctor", "--json")
    assert ran.code == 1
    ((severity, summary, _),) = problems(ran, "mappings")
    assert severity == "problem"
    assert "nowhere: No such file or directory; check RECEIVER_MAPPINGS" in summary
    assert statuses(ran)["balance"] == "ok"


def test_the_doctor_changes_nothing(healthy: Installation) -> None:
    async def dump(rows: Rows) -> list[Any]:
        async with rows.database.read() as connection:
            return [
                (await connection.execute(text(f"SELECT * FROM {table}"))).all()  # noqa: S608
                for table in ("audits", "deliveries", "heartbeats", "alerts")
            ]

    before = healthy.fill(dump)
    assert healthy.run("doctor", "--full").code == 0
    assert healthy.fill(dump) == before


def test_failures_are_worth_knowing_with_the_command_that_replays_them(
    healthy: Installation,
) -> None:
    async def fail(rows: Rows) -> None:
        await rows.accepted(1)
        await rows.failure("unpriced", "no price", rule="solved", id="d0", dedupe_key="another")

    healthy.fill(fail)
    ran = healthy.run("doctor", "--json")
    ((severity, summary, remediation),) = problems(ran, "failures")
    assert (ran.code, severity, summary) == (
        0,
        "note",
        "1 delivery of zendesk failed as unpriced in rule solved: no price",
    )
    assert "receiver replay --source zendesk --reason unpriced --rule solved" in remediation
