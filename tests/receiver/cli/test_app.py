"""What is refused before any command is asked."""

from __future__ import annotations

import sys

import pytest

from receiver.cli.app import main


@pytest.mark.parametrize("command", [["show"], ["discard", "--reason", "parse", "--note"]])
def test_an_argument_that_no_database_can_hold_is_misuse(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # As Python has bytes of the command line that are no UTF-8.
    monkeypatch.setattr(sys, "argv", ["receiver", *command, "caf\udce9"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "receiver: 'caf\\udce9' is not UTF-8; nothing was done\n"
