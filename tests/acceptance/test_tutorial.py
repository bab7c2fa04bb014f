"""The tutorial, followed command by command by someone who believes every word of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.tutorial import PAGE, Tutorial, languages, normal

pytestmark = pytest.mark.acceptance


@pytest.fixture
def directory() -> Iterator[Path]:
    """One with a short name, so that no line is broken within it."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_every_command_shows_what_the_page_shows(directory: Path) -> None:
    """After a change of what a command prints: `python -m tests.support.tutorial`, and read it."""
    tutorial = Tutorial(directory)
    try:
        for commands, expected, shown in tutorial.follow():
            assert normal(shown) == normal(expected), commands
    finally:
        tutorial.close()


def test_the_output_of_every_command_is_on_the_page() -> None:
    found = languages()
    assert found.count("sh") == found.count("text") > 8
    for first, second in pairwise(found):
        assert first != "sh" or second == "text"
    assert found[-1] == "text"
    assert "first live outcome" in PAGE.text
