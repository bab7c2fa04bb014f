"""Output into a pipe whose reader has gone."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

import pytest

from receiver.cli.pipes import Pipe


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
