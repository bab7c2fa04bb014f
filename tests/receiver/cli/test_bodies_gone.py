"""What every command shows for a delivery whose body is gone, and why."""

from __future__ import annotations

import pytest

from tests.receiver.cli.conftest import Installation
from tests.support.rows import Rows

WHY = {
    "expired": "was removed by retention (RECEIVER_RETENTION_DAYS)",
    "purged": "was removed by `receiver purge`: a customer in it was erased",
}


@pytest.fixture(params=WHY)
def evidence(request: pytest.FixtureRequest, installed: Installation) -> str:
    """Why the body of the one delivery is gone."""
    why: str = request.param

    async def fill(rows: Rows) -> None:
        await rows.delivery("ignored", body=None, headers={}, evidence=why)

    installed.fill(fill)
    return why


def test_show_says_why(installed: Installation, evidence: str) -> None:
    ran = installed.run("show", "d1")
    assert (ran.code, ran.err) == (0, "")
    assert f"body and headers\n  {WHY[evidence]}\n" in ran.out
    shown = installed.run("show", "d1", "--json").json
    assert (shown["evidence"], shown["body"], shown["headers"]) == (evidence, None, {})


@pytest.mark.parametrize("command", [["try", "zendesk", "d1"], ["example", "d1"]], ids="/".join)
def test_what_needs_the_body_exits_1_and_says_why(
    installed: Installation, evidence: str, command: list[str]
) -> None:
    ran = installed.run(*command)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"receiver: the body of d1 {WHY[evidence]}\n"


def test_a_dry_run_counts_it_apart(installed: Installation, evidence: str) -> None:
    ran = installed.run("replay", "--state", "ignored", "--dry-run")
    said, version = ran.out.splitlines()
    assert said == "1 delivery would settle: 1 unchanged (unchanged: no-body 1)"
    assert version.startswith("  by the mappings ")
    found = installed.run("replay", "--state", "ignored", "--dry-run", "--json").json
    assert (found["would"], found["unchanged_no_body"]) == ({"unchanged": 1}, 1)
