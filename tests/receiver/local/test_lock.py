from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from receiver.local.errors import UpError
from receiver.local.lock import only_one

ROOT = Path(__file__).resolve().parents[3]


def test_a_second_one_is_refused_naming_the_first(tmp_path: Path) -> None:
    with only_one(tmp_path):
        with pytest.raises(UpError, match=rf"process {os.getpid()}\)"), only_one(tmp_path):
            pass
        with only_one(tmp_path / "elsewhere"):
            pass


def test_the_next_one_may_come_when_the_first_has_gone(tmp_path: Path) -> None:
    for _ in range(2):
        with only_one(tmp_path):
            assert re.fullmatch(r"\d+\n", (tmp_path / "up.lock").read_text())


def test_a_killed_one_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, receiver.local.lock as lock\n"
        f"with lock.only_one(pathlib.Path({str(tmp_path)!r})): os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False, cwd=ROOT)
    assert killed.returncode == -9
    with only_one(tmp_path):
        pass
