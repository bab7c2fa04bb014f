"""What a shell completes: as bash asks, through the entry point."""

from __future__ import annotations

import pytest

from receiver.cli.app import app
from tests.receiver.cli.conftest import Installation
from tests.support.cli import CliRunner
from tests.support.rows import Rows

FAILED = "0198f2c4-5f7b-7c3e-9f55-0c6bd5a1f2d0"


@pytest.fixture
def filled(installed: Installation) -> Installation:
    async def fill(rows: Rows) -> None:
        await rows.failure("mapping", "odd", id=FAILED)

    installed.fill(fill)
    return installed


def completed(line: str) -> list[str]:
    """What `receiver LINE` is completed to, the cursor at its end."""
    words = f"receiver {line}".split(" ")
    asked = {
        "_RECEIVER_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    result = CliRunner().invoke(app, [], env=asked, prog_name="receiver")
    return result.stdout.split()


CASES = {
    "deliveries --source z": ["zendesk"],
    "deliveries --state re": ["received", "recorded"],
    "replay --reason unp": ["unpriced"],
    "failures --rule so": ["solved"],
    "new mine --scheme zen": ["zendesk"],
    "schemes strip": ["stripe"],
    "init billing --with zendesk,front": ["zendesk,front"],
    "show 0198f2": [FAILED],
    "try zendesk 0198f2": [FAILED],
    "replay 01": [FAILED],
    "send zen": ["zendesk"],
    "revenue --agent sup": ["support-agent"],
    "revenue --by cus": ["customer"],
}


@pytest.mark.parametrize(("line", "expected"), CASES.items(), ids=CASES.keys())
def test_values_are_completed(filled: Installation, line: str, expected: list[str]) -> None:
    assert completed(line) == expected


def test_a_group_of_failures_is_completed(filled: Installation) -> None:
    (group,) = filled.run("failures", "--json").json
    assert completed(f"replay --group {group['id'][:2]}") == [group["id"]]


def test_without_a_database_or_mappings_there_is_nothing_and_no_word(bare: Installation) -> None:
    for path in bare.mappings.iterdir():
        path.unlink()
    for line in ("show 01", "deliveries --source z", "replay --group a"):
        assert completed(line) == []
