import errno
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.heartbeat import Alive
from receiver.cli.common.explanations import explanation
from receiver.cli.status import complaints


def _process(role: str, **detail: Any) -> Alive:
    return Alive("host:1", role, datetime(2026, 1, 1, tzinfo=UTC), detail)


@pytest.mark.parametrize(
    ("processes", "said"),
    [
        pytest.param([], "no worker is alive", id="no-worker"),
        pytest.param([_process("web")], "no worker is alive", id="no-worker"),
        pytest.param([_process("work", redis=False)], "work host:1 has no Redis", id="no-redis"),
        pytest.param(
            [_process("work", stale=["zendesk.yaml"], problems=2)],
            "goes on with an older zendesk.yaml: run `receiver check`",
            id="rejected-edit",
        ),
        pytest.param(
            [_process("work", stale=[], problems=1)], "has 1 problem in its mappings", id="problems"
        ),
    ],
)
def test_what_is_amiss_is_said_in_a_sentence(processes: list[Alive], said: str) -> None:
    [complaint] = complaints(processes)
    assert said in complaint


def test_where_nothing_is_amiss_nothing_is_said() -> None:
    assert complaints([_process("work", redis=True, stale=[], problems=0), _process("web")]) == []


@pytest.mark.parametrize(
    ("variable", "below"), [("RECEIVER_DATA_DIR", "var"), ("RECEIVER_MAPPINGS", "mappings")]
)
def test_a_path_that_fails_is_said_with_the_setting_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, below: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, str(tmp_path / below))
    error = OSError(errno.ENOTDIR, "Not a directory", str(tmp_path / below / "some" / "file"))
    assert str(explanation(error)).endswith(f"Not a directory; check {variable}")
    elsewhere = OSError(errno.ENOTDIR, "Not a directory", str(tmp_path / "elsewhere"))
    assert str(explanation(elsewhere)) == f"{tmp_path / 'elsewhere'}: Not a directory"
