from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psutil
import pytest
import redis

from receiver.config import data_dir
from receiver.local import valkey
from tests.support.processes import Process


@pytest.fixture
def long_directory(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / ("d" * 100)
    yield directory
    shutil.rmtree(data_dir.socket_path(directory).parent, ignore_errors=True)


def started(directory: Path) -> Process:
    socket = valkey.prepare(directory)
    process = Process(valkey.command(socket), log=directory / "log")
    process.wait_until(socket.exists, what="a socket")
    return process


def test_it_listens_on_a_socket_of_its_owner_and_on_no_port(tmp_path: Path) -> None:
    process = started(tmp_path)
    assert redis.Redis.from_url(data_dir.redis_url(tmp_path)).ping()
    assert stat.S_IMODE((tmp_path / "valkey.sock").stat().st_mode) == 0o700
    assert psutil.Process(process.pid).net_connections(kind="inet") == []
    process.kill()


def test_it_keeps_nothing_and_refuses_rather_than_forgets(tmp_path: Path) -> None:
    process = started(tmp_path)
    client = redis.Redis.from_url(data_dir.redis_url(tmp_path))
    expected = {"save": "", "appendonly": "no", "maxmemory-policy": "noeviction"}
    found = cast("dict[str, str]", client.config_get("*"))
    assert {name: found[name] for name in expected} == expected
    process.kill()


async def test_it_takes_over_the_socket_of_a_killed_one(tmp_path: Path) -> None:
    started(tmp_path).kill()
    socket = data_dir.socket_path(tmp_path)
    assert socket.exists()
    assert not await valkey.answers(socket)
    process = started(tmp_path)
    process.wait_until(lambda: redis.Redis.from_url(f"unix://{socket}").ping(), what="a PONG")
    assert await valkey.answers(socket)
    process.kill()


def test_a_long_path_gives_way_to_a_short_one_of_the_owner_alone(long_directory: Path) -> None:
    socket = valkey.prepare(long_directory)
    assert len(os.fsencode(socket)) <= data_dir.SOCKET_PATH_BYTES
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    process = started(long_directory)
    process.wait_until(
        lambda: redis.Redis.from_url(data_dir.redis_url(long_directory)).ping(), what="a PONG"
    )
    process.kill()


def test_each_directory_has_an_address_of_its_own(long_directory: Path) -> None:
    other = long_directory.with_name("e" * 100)
    assert data_dir.socket_path(long_directory) != data_dir.socket_path(other)


def test_a_short_directory_that_somebody_planted_is_refused(long_directory: Path) -> None:
    planted = data_dir.socket_path(long_directory).parent
    planted.symlink_to(long_directory.parent)
    with pytest.raises(PermissionError, match="belongs to another user"):
        valkey.prepare(long_directory)
    planted.unlink()
