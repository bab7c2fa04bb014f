from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from receiver.config.data_dir import is_demo, mark_as_demo
from receiver.config.reading import load_settings
from receiver.local.lock import is_held, only_one
from receiver.local.running_service import FILE, announce, running_service, withdraw


def test_a_running_up_is_found_with_what_it_was_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    started = load_settings(None, public_url="https://hooks.example.com", port=0, admin_token="t")
    with only_one(started.data_dir):
        announce(started, "http://127.0.0.1:4711")
        assert stat.S_IMODE((tmp_path / "var" / FILE).stat().st_mode) == 0o600
        monkeypatch.setenv("RECEIVER_PUBLIC_URL", "https://other.example.com")
        found = running_service(Path("var"))
    assert found is not None
    assert found.pid == os.getpid()
    assert (found.settings.public_url, found.settings.port) == ("https://hooks.example.com", 4711)
    assert found.settings.admin_token == "t"
    assert found.settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/var/receiver.db"
    assert found.settings.redis_url == started.redis
    assert found.settings.mappings == tmp_path / "mappings"
    assert not found.is_demo


def test_what_a_killed_up_left_counts_for_nothing(tmp_path: Path) -> None:
    settings = load_settings(None, data_dir=tmp_path)
    assert running_service(tmp_path) is None
    with only_one(tmp_path):
        assert running_service(tmp_path) is None  # it is not up yet
        announce(settings, "http://127.0.0.1:8080")
    assert (tmp_path / FILE).exists()
    assert not is_held(tmp_path)
    assert running_service(tmp_path) is None
    withdraw(tmp_path)
    withdraw(tmp_path)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "settings": 7}'])
def test_a_file_that_cannot_be_read_is_no_service(tmp_path: Path, text: str) -> None:
    with only_one(tmp_path):
        (tmp_path / FILE).write_text(text)
        assert running_service(tmp_path) is None


def test_a_look_at_the_lock_does_not_keep_up_from_starting(tmp_path: Path) -> None:
    with only_one(tmp_path):
        assert is_held(tmp_path)
    for _ in range(3):
        assert not is_held(tmp_path)
        with only_one(tmp_path):
            pass


def test_a_demo_is_recognised_by_its_directory_also_that_of_an_earlier_version(
    tmp_path: Path,
) -> None:
    assert not is_demo(tmp_path)
    (tmp_path / "env").write_text("export RECEIVER_DATA_DIR=…\n")
    assert is_demo(tmp_path)
    mark_as_demo(tmp_path)
    assert is_demo(tmp_path)
    assert not (tmp_path / "env").exists()  # what a shell took over is not left to be taken
