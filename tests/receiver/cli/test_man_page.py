"""The manual page that the wheel installs."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.support.man_page import COMMANDS, PAGE, man_page

ROOT = Path(__file__).parents[3]


def test_the_manual_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == man_page(), "run `make man`"


def test_the_manual_page_has_every_command_and_option() -> None:
    page = PAGE.read_text(encoding="utf-8").replace("\\-", "-")
    for name, command in COMMANDS.items():
        assert f"\\fBreceiver {name}\\fR" in page
        for parameter in command.params:
            assert all(one in page for one in parameter.opts if one.startswith("--"))


def test_the_wheel_installs_it_where_man_looks() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    files = project["tool"]["setuptools"]["data-files"]
    assert files == {"share/man/man1": [str(PAGE.relative_to(ROOT))]}
