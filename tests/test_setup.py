"""`make run` and `make setup` say what they do; `make clean` leaves what was billed alone."""

from __future__ import annotations

import fcntl
import importlib.util
import io
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def tool(name: str) -> ModuleType:
    """One of the programs of .ci/."""
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INSTALL, CLEAN = tool("install"), tool("clean_data")
LOCK = """\
alpha==1 \\
    --hash=sha256:aa
beta[x]==2 ; sys_platform == 'win32' \\
    --hash=sha256:bb
"""
SHOWN = """\
setup: installing requirements.lock into .venv (once)
setup: package 1 of 2: alpha
setup: writing the packages to .venv
setup: done
"""


class Pip:
    """pip, as it answers, one answer a command; what it was asked for."""

    def __init__(self, *answers: list[str | int]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, arguments: tuple[str, ...]) -> Iterable[str | int]:
        self.asked.append(arguments)
        return self._answers.pop(0)


def installed(tmp_path: Path, pip: Pip) -> tuple[int, str]:
    lock = tmp_path / "requirements.lock"
    lock.write_text(LOCK)
    to = io.StringIO()
    return INSTALL.install(lock, run=pip, to=to), to.getvalue()


def test_set_up_shows_what_goes_on(tmp_path: Path) -> None:
    pip = Pip(["Collecting alpha==1 (from x)\n", "Installing collected packages: alpha\n", 0], [0])
    assert installed(tmp_path, pip) == (0, SHOWN)
    assert "--require-hashes" in pip.asked[0]
    assert pip.asked[1][-2:] == ("--editable", str(ROOT))


def test_another_failure_of_pip_is_shown_as_pip_says_it(tmp_path: Path) -> None:
    code, said = installed(tmp_path, Pip(["Collecting alpha==1\n", "ERROR: no space left\n", 1]))
    assert code == 1
    assert said.endswith("setup: pip failed:\nERROR: no space left\n")


def test_without_a_network_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the real pip prints there is recognised."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setattr(INSTALL, "PATIENCE", ("--retries", "1", "--target", str(tmp_path / "t")))
    lock = tmp_path / "requirements.lock"
    lock.write_text("a-package==1 --hash=sha256:" + "a" * 64 + "\n")
    to = io.StringIO()
    assert INSTALL.install(lock, to=to) == 1
    first, again, last = to.getvalue().splitlines()
    assert first.startswith("setup: installing")
    assert again == "setup: the package index does not answer; trying again"
    assert last == INSTALL.NO_NETWORK


def recipe(tmp_path: Path, *targets: str) -> str:
    """What make would do in a new clone."""
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        if not (tmp_path / name).exists():
            shutil.copy(ROOT / name, tmp_path / name)
    done = subprocess.run(
        ["make", "--dry-run", *targets], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    return done.stdout


def test_run_installs_what_is_needed_to_run_and_test_what_is_needed_to_develop(
    tmp_path: Path,
) -> None:
    assert "requirements-dev" not in recipe(tmp_path, "run")
    assert "install.py requirements.lock" in recipe(tmp_path, "run")
    assert "install.py requirements-dev.lock" in recipe(tmp_path, "test")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".made-to-run").touch()
    assert "install.py" not in recipe(tmp_path, "run").partition("receiver")[0]
    assert "install.py requirements-dev.lock" in recipe(tmp_path, "test")


def test_clean_leaves_ledger_secrets_and_settings(tmp_path: Path) -> None:
    commands = recipe(tmp_path, "clean").split()
    assert "rm" in commands
    assert {"var", ".env", "mappings", "secrets"}.isdisjoint(commands)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "var"
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets" / "ZENDESK_SECRET").write_text("s")
    (folder / "receiver.db").write_text("money")
    (folder / "up.lock").write_text("17")
    return folder


@pytest.mark.parametrize(
    ("answer", "is_sure", "code"),
    [(None, False, 1), ("", False, 1), ("y", False, 0), (None, True, 0)],
)
def test_data_goes_only_after_a_yes(
    data: Path, answer: str | None, is_sure: bool, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = None if answer is None else (lambda _: answer)
    assert CLEAN.clean(data, is_sure=is_sure, ask=ask) == code
    assert data.exists() == bool(code)
    said = capsys.readouterr().out
    assert "var/receiver.db" in said
    assert "var/secrets/ZENDESK_SECRET" in said


def test_data_that_is_in_use_stays(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (data / "up.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert CLEAN.clean(data, is_sure=True, ask=None) == 1
    assert (data / "receiver.db").exists()
    assert "`receiver up` runs on" in capsys.readouterr().out
    shutil.rmtree(data)
    assert CLEAN.clean(data, is_sure=False, ask=None) == 0
