"""Output into a pipe whose reader has gone."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from receiver.terminal.pipes import Pipe


@pytest.fixture
def nowhere() -> Iterator[int]:
    """The end of a pipe that nothing reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def test_a_command_ends_with_0_once_its_reader_has_gone(nowhere: int) -> None:
    stream = io.TextIOWrapper(io.BufferedWriter(Pipe(nowhere, ends_command=True)))
    stream.write("a line\n")
    with pytest.raises(SystemExit) as ended:
        stream.flush()
    assert ended.value.code == 0
    stream.write("what it prints while it ends\n")
    stream.flush()


def test_a_service_outlives_the_reader_of_its_log(nowhere: int) -> None:
    stream = io.TextIOWrapper(io.BufferedWriter(Pipe(nowhere, ends_command=False)))
    for _ in range(2):
        stream.write("a line\n")
        stream.flush()


CLOSED = """\
import os, socket, sys
from receiver.terminal.pipes import flush, open_closed
open_closed()
print("a line")
flush()
assert sys.stdin.read() == ""
sys.exit(0 if socket.socket().fileno() > 2 else 1)
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_or_socket_takes_the_number_of_a_closed_stream(closed: str) -> None:
    command = f'exec "$0" -c "$1" {closed}'
    ran = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable, CLOSED],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
