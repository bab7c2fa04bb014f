"""Secrets of sources: where they come from, and that they are shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from receiver.sources.secrets import Secrets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    return folder


def test_the_environment_goes_before_files_and_files_before_the_env_file(
    folder: Path, tmp_path: Path
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("A=from-env-file\nB=from-env-file\nC='from env file'\n")
    (folder / "A").write_text("from-file")
    (folder / "B").write_text("from-file")
    secrets = Secrets(environ={"A": "from-environ"}, directory=folder, env_file=env_file)
    assert [secrets.get(name) for name in "ABCD"] == [
        "from-environ",
        "from-file",
        "from env file",
        None,
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b" secret \n\n", " secret \n"),
        (b"", None),
        (b"\n", None),
        (b"\xff\xfe", None),
        (b"x" * 70_000, None),
    ],
)
def test_a_file_is_the_secret_but_for_its_last_line_break(
    folder: Path, written: bytes, value: str | None
) -> None:
    (folder / "A").write_bytes(written)
    assert Secrets(environ={}, directory=folder).get("A") == value


def test_made_secrets_count_where_there_is_no_other(folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert Secrets(environ={}, made=made).get("A") is None
    made.mkdir()
    (made / "A").write_text("made")
    (made / "B").write_text("made")
    (folder / "A").write_text("from-file")
    secrets = Secrets(environ={}, directory=folder, made=made)
    assert (secrets.get("A"), secrets.get("B")) == ("from-file", "made")


def test_an_empty_variable_is_no_secret() -> None:
    assert Secrets(environ={"A": ""}).get("A") is None


def test_a_new_or_changed_file_is_seen_on_reload(folder: Path) -> None:
    secrets = Secrets(environ={}, directory=folder)
    (folder / "A").write_text("one")
    assert secrets.get("A") is None
    assert secrets.reload()
    assert secrets.get("A") == "one"
    assert not secrets.reload()
    (folder / "A").unlink()
    assert secrets.reload()
    assert secrets.get("A") is None


def test_only_files_of_the_folder_itself_are_read(folder: Path) -> None:
    (folder.parent / "outside").write_text("x")
    (folder / "sub").mkdir()
    secrets = Secrets(environ={}, directory=folder)
    assert secrets.get("../outside") is None
    assert secrets.get("sub") is None


def test_a_folder_that_is_missing_is_complained_of_once(tmp_path: Path) -> None:
    with capture_logs() as logs:
        secrets = Secrets(environ={}, directory=tmp_path / "nowhere")
        secrets.reload()
    assert [line["event"] for line in logs] == ["secrets.unreadable"]


def test_an_env_file_that_cannot_be_read_takes_no_other_secret_with_it(
    tmp_path: Path, folder: Path
) -> None:
    (folder / "A").write_text("one")
    env_file = tmp_path / ".env"
    env_file.write_text("B=two\n")
    secrets = Secrets(environ={}, directory=folder, env_file=env_file)
    env_file.write_bytes(b"B=\xff\n")
    with capture_logs() as logs:
        secrets.reload()
        secrets.reload()
    assert (secrets.get("A"), secrets.get("B")) == ("one", None)
    assert [line["event"] for line in logs] == ["secrets.unreadable"]


def test_no_value_is_in_the_repr_or_the_log(folder: Path) -> None:
    (folder / "A").write_text("hunter2")
    (folder / "B").write_bytes(b"hunter2\xff")
    with capture_logs() as logs:
        secrets = Secrets(environ={"C": "hunter2"}, directory=folder)
    assert "hunter2" not in f"{secrets!r} {secrets} {logs}"


def test_a_paired_secret_goes_before_a_throw_away_one_and_behind_one_set_by_hand(
    tmp_path: Path,
) -> None:
    folders = {name: tmp_path / name for name in ("made", "paired", "directory")}
    for name, folder in folders.items():
        folder.mkdir()
        (folder / "A").write_text(name)
    assert Secrets(environ={}, **folders).get("A") == "directory"
    assert not Secrets(environ={}, **folders).may_be_paired("A")
    del folders["directory"]
    assert Secrets(environ={}, **folders).get("A") == "paired"
    assert Secrets(environ={}, **folders).may_be_paired("A")
    assert not Secrets(environ={"A": "1"}, **folders).may_be_paired("A")


def test_a_learnt_secret_goes_before_files_of_earlier_versions_and_behind_one_set_by_hand(
    tmp_path: Path,
) -> None:
    (tmp_path / "paired").mkdir()
    (tmp_path / "paired" / "A").write_text("of a file")
    secrets = Secrets(environ={"C": "by hand"}, paired=tmp_path / "paired")
    assert secrets.learn({"A": "learnt", "B": "learnt", "C": "learnt"})
    assert not secrets.learn({"A": "learnt", "B": "learnt", "C": "learnt"})
    assert [secrets.get(name) for name in "ABC"] == ["learnt", "learnt", "by hand"]
    secrets.reload()
    assert secrets.get("B") == "learnt"
    assert secrets.learn({})
    assert [secrets.get(name) for name in "AB"] == ["of a file", None]
    assert (secrets.was_learnt("A"), secrets.was_learnt("B")) == (True, False)
