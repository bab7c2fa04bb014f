"""The command line as a process: how it starts, refuses to start, and ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.receiver.cli.conftest import Installation
from tests.support.processes import Process, free_port

RECEIVER = (sys.executable, "-m", "receiver")


def _environment(installed: Installation) -> dict[str, str]:
    kept = ("RECEIVER_", "ZENDESK_", "PATH")
    root = str(Path(__file__).parents[3])
    found = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    return {**found, "HOME": str(installed.root), "PYTHONPATH": root, "RECEIVER_PORT": "0"}


def _run(
    installed: Installation, *arguments: str, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RECEIVER, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**_environment(installed), **(more or {})},
        cwd=installed.root,
        timeout=60,
    )


def test_help_loads_neither_database_nor_server_nor_cel() -> None:
    heavy = {"sqlalchemy", "uvicorn", "starlette", "arq", "cel_expr_python", "alembic", "httpx"}
    code = f"import sys, receiver.cli.app; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_help_lists_the_commands_and_exits_0(bare: Installation) -> None:
    done = _run(bare, "--help")
    assert done.returncode == 0
    for command in ("up", "serve", "work", "check", "try", "send", "replay", "status"):
        assert f" {command} " in done.stdout


def test_a_reader_that_leaves_early_is_no_error(installed: Installation) -> None:
    process = subprocess.Popen(
        [*RECEIVER, "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(installed),
        cwd=installed.root,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert (process.wait(60), said) == (0, "")


@pytest.mark.parametrize("command", ["serve", "work"])
def test_a_process_does_not_start_without_a_database(bare: Installation, command: str) -> None:
    done = _run(bare, command)
    assert done.returncode == 1
    assert "receiver migrate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "work"])
def test_a_first_start_refuses_bad_mappings_naming_the_place(
    installed: Installation, command: str
) -> None:
    installed.edit("indicator:", "indicater:")
    done = _run(installed, command)
    assert done.returncode == 1
    assert "zendesk.yaml:8:5: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "work"])
def test_a_process_does_not_start_without_its_mappings(
    installed: Installation, command: str
) -> None:
    done = _run(installed, command, more={"RECEIVER_MAPPINGS": "/nowhere"})
    assert done.returncode == 1
    assert "receiver: /nowhere: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "url", "code"),
    [
        ("serve", "mysql://there", 2),
        ("serve", "postgresql+asyncpg://me:hush@127.0.0.1:1/none", 1),
        ("work", "postgresql+asyncpg://me:hush@127.0.0.1:1/none", 1),
    ],
    ids=["serve-unknown-kind", "serve-unreachable", "work-unreachable"],
)
def test_a_database_that_will_not_do_is_one_clear_message(
    installed: Installation, command: str, url: str, code: int
) -> None:
    done = _run(installed, command, more={"RECEIVER_DATABASE_URL": url})
    assert done.returncode == code
    assert done.stderr.startswith("receiver: ")
    assert "RECEIVER_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hush" not in done.stderr


def test_a_taken_port_is_named(installed: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = _run(installed, "serve", "--port", port)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def web(installed: Installation) -> Iterator[Process]:
    process = Process(
        [*RECEIVER, "serve", "--port", str(free_port())],
        log=installed.root / "web.log",
        environment=_environment(installed),
        directory=installed.root,
    )
    process.wait_for_output("web.ready")
    yield process
    process.kill()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_process_cleanly(web: Process, sig: signal.Signals) -> None:
    web.signal(sig)
    assert web.wait() == 0
    assert "Traceback" not in web.output()


def test_a_sqlite_file_is_its_owners_alone(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "RECEIVER_DATA_DIR": str(tmp_path)}
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    subprocess.run([*RECEIVER, "migrate"], check=True, env=environment, cwd=tmp_path, umask=0o022)
    assert (tmp_path / "receiver.db").stat().st_mode & 0o777 == 0o600


def test_a_public_url_that_is_none_is_refused_before_anything_starts(bare: Installation) -> None:
    ran = bare.run("up", "--public-url", "hooks.example.com")
    assert (ran.code, ran.out) == (2, "")
    assert "RECEIVER_PUBLIC_URL" in ran.err
    assert not (bare.root / "var").exists()
