"""`receiver up`, started as a user would, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.postgres import Postgres
from tests.support.processes import Process, free_port, wait_until
from tests.support.valkey import Valkey

pytestmark = pytest.mark.acceptance

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
UP = [sys.executable, "-m", "receiver", "up"]


class Up:
    """Starts `receiver up` in one folder, time and again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "RECEIVER_MAPPINGS": str(MAPPINGS),
            "RECEIVER_PORT": str(self.port),
        }
        self.started: list[Process] = []

    def start(self, *arguments: str, **environment: str) -> Process:
        process = Process(
            [*UP, *arguments],
            log=self.root / f"up-{len(self.started)}.log",
            environment={**self.environment, **environment},
            directory=self.root,
        )
        self.started.append(process)
        return process

    def start_and_wait(self, *arguments: str, **environment: str) -> Process:
        process = self.start(*arguments, **environment)
        process.wait_for_output("receiver is up at", seconds=60)
        return process

    def get(self, path: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.get(url, trust_env=False, timeout=10)

    def receiver(self, *arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
        command = " ".join([sys.executable, "-m", "receiver", *arguments])
        return subprocess.run(
            ["sh", "-c", f"{before}\n{command}"],
            check=False,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.root,
            timeout=60,
        )


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path)
    yield made
    for process in made.started:
        process.kill()


def family(process: Process) -> list[psutil.Process]:
    """Its children, grandchildren and so on."""
    return psutil.Process(process.pid).children(recursive=True)


def are_gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def roles(processes: list[psutil.Process]) -> set[str]:
    found = set()
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # it may end while we look
            found |= {"serve", "work"} & set(one.cmdline())
            found |= {"valkey"} if one.name() == "valkey-server" else set()
    return found


def cell(line: str, number: int) -> str:
    return [part.strip() for part in line.split("  ") if part.strip()][number]


def example_lines(output: str) -> dict[str, str]:
    """The demo's table, by source and example."""
    lines = [line for line in output.splitlines() if "  20" in line]
    return {f"{cell(line, 0)} {cell(line, 1)}": line for line in lines}


def test_everything_comes_up_stays_in_the_group_and_ends_with_ctrl_c(up: Up) -> None:
    process = up.start_and_wait()
    assert roles(family(process)) == {"valkey", "serve", "work"}
    assert {os.getpgid(one.pid) for one in family(process)} == {os.getpgid(process.pid)}
    assert up.get("/readyz").json() == {"status": "ok", "problems": []}
    assert up.get("/api/status").status_code == 404  # no token, no API
    children = family(process)
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    assert are_gone(children)
    assert "Traceback" not in process.output()


def test_shipped_sources_have_throw_away_secrets_that_other_commands_find(up: Up) -> None:
    process = up.start_and_wait()
    assert "throw-away secrets for approvals, github, hubspot, zendesk" in process.output()
    example = MAPPINGS / "examples" / "zendesk-comment.json"
    sent = up.receiver("send", "zendesk", str(example))
    assert sent.returncode == 0, sent
    assert sent.stdout.startswith("202 ")


def test_a_second_live_one_is_refused(up: Up) -> None:
    first = up.start_and_wait()
    second = up.start()
    assert second.wait() == 1
    assert f"already runs on {up.root}/var (process {first.pid})" in second.output()
    assert "Traceback" not in second.output()
    assert first.is_alive()


def test_children_die_with_a_killed_one_and_the_next_takes_over(up: Up) -> None:
    first = up.start_and_wait()
    children = family(first)
    assert roles(children) == {"valkey", "serve", "work"}
    first.kill()
    second = up.start_and_wait()
    assert are_gone(children)
    assert up.get("/readyz").json()["status"] == "ok"
    assert roles(family(second)) == {"valkey", "serve", "work"}


def test_each_child_that_is_killed_comes_back(up: Up) -> None:
    process = up.start_and_wait()
    before = family(process)
    for child in before:
        child.kill()
    wait_until(
        lambda: roles(family(process)) == {"valkey", "serve", "work"} and are_gone(before),
        seconds=20,
        what="the return of all three",
    )

    def is_well() -> bool:
        try:
            return bool(up.get("/readyz").json()["status"] == "ok")
        except httpx.HTTPError:
            return False

    wait_until(is_well, seconds=30, what="a good /readyz")


def test_a_taken_port_is_said(up: Up, tmp_path: Path) -> None:
    first = up.start_and_wait()
    second = up.start(RECEIVER_DATA_DIR=str(tmp_path / "other"))
    assert second.wait(seconds=30) == 1
    assert f"127.0.0.1:{up.port} is taken by another program" in second.output()
    assert first.is_alive()


def test_mappings_with_an_error_stop_a_first_start_naming_it(up: Up, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "crm.yaml").write_text("source: crm\nverfy: {}\n")
    process = up.start(RECEIVER_MAPPINGS=str(tmp_path / "bad"))
    assert process.wait() == 1
    assert "crm.yaml:2:1" in process.output()
    assert "worker ended at once" in process.output()


def test_a_named_database_and_redis_are_used(up: Up, postgres: Postgres, valkey: Valkey) -> None:
    name = postgres.create()
    process = up.start_and_wait(
        RECEIVER_DATABASE_URL=postgres.url(name), RECEIVER_REDIS_URL=valkey.url
    )
    assert roles(family(process)) == {"serve", "work"}
    assert int(postgres.sql(name, "select count(*) from heartbeats")) == 2
    assert not (up.root / "var" / "receiver.db").exists()
    process.stop()
    postgres.drop(name)


def test_the_demo_bills_once_and_shows_why_nothing_more_the_second_time(up: Up) -> None:
    real = {"RECEIVER_DATABASE_URL": "postgresql+asyncpg://nobody@/real?host=/nowhere"}
    first = up.start_and_wait("--demo", **real)
    assert "RECEIVER_DATABASE_URL ignored" in first.output()
    lines = example_lines(first.output())
    assert len(lines) == 21
    assert "billed by this run:  0.00 EUR, 750.00 USD" in first.output()
    assert "0.99 USD" in lines["zendesk solved"]
    assert "-0.99 USD" in lines["zendesk reopened"]
    assert "failed: unpriced" in lines["approvals unknown-agent"]
    assert {cell(line, 2) for line in lines.values()} == {"202"}
    assert first.stop() == 0

    second = up.start_and_wait("--demo", **real)
    lines = example_lines(second.output())
    assert "billed by this run:  nothing" in second.output()
    assert "the demo's ledger:   0.00 EUR, 750.00 USD" in second.output()
    assert "200" in lines["zendesk solved"]
    assert "this delivery came before" in lines["zendesk solved"]
    assert "202" in lines["hubspot won"]  # HubSpot signs no id: another delivery, the same deal
    assert "billed before, as" in lines["hubspot won"]

    told = up.receiver("status", "--json", before=". var/demo/env")
    assert told.returncode == 0, told
    assert '"received": 0' in told.stdout
