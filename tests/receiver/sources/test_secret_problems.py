"""A secret of wrong form is named in the same words by sources, doctor and /readyz."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from mappings.engine.loading.load import MappingSet, load
from receiver.app import WebProcess
from receiver.config.settings import Settings
from receiver.health.checks.secrets import check_secrets
from receiver.signatures import RULES
from receiver.sources.listing import source_items
from receiver.sources.secret_problems import secret_problems
from receiver.sources.secrets import Secrets

FILE = """
source: {source}
verify: {{scheme: {scheme}, secrets: [{names}]{more}}}
outcomes:
  - name: done
    when: payload.done == true
    agent: support-agent
    customer: acme
    indicator: ticket-resolved
    once_per: ${{{{ id(payload.id) }}}}
"""
AGENTS = b"""
agents:
  support-agent:
    name: Support
    indicators:
      ticket-resolved: {price: "1.00", currency: USD}
"""
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def mappings(scheme: str, names: str = "A", more: str = "") -> MappingSet:
    text = FILE.format(source="desk", scheme=scheme, names=names, more=more)
    made = load({"agents.yaml": AGENTS, "desk.yaml": text.encode()}, timezone="UTC", schemes=RULES)
    assert [str(problem) for problem in made.problems] == []
    return made


def problems_of(made: MappingSet, **environ: str) -> list[str]:
    return list(map(str, secret_problems(made, Secrets(environ=environ), now=NOW)))


async def test_sources_doctor_and_readyz_name_the_secret_and_its_form() -> None:
    made, secrets = mappings("pipedrive"), Secrets(environ={"A": "just-a-password"})
    settings = Settings()
    [problem] = secret_problems(made, secrets, now=NOW)
    assert (problem.source, problem.name) == ("desk", "A")
    assert "write the secret as user:password" in problem.summary
    [item] = source_items(settings, made, secrets, {})
    assert item.secrets[0].problem == problem.summary
    assert str(problem) in item.warnings
    context: Any = SimpleNamespace(mappings=made, secrets=secrets)
    result = await check_secrets(context)
    [named] = result.problems
    assert named.is_problem
    assert f"{named.summary}: {named.remediation}" == f"source desk: {problem}"
    assert "just-a-password" not in f"{item}{result}"


def test_a_web_process_summary_it_when_it_starts() -> None:
    process = WebProcess(Settings(), secrets=Secrets(environ={"A": '"quoted"'}))
    with capture_logs() as logs:
        process._adopt(mappings("github"))
    [line] = [one for one in logs if one["event"] == "source.secret_form"]
    assert (line["source"], line["secret"]) == ("desk", "A")
    assert "stands in quotes" in line["detail"]


def test_each_secret_is_judged_and_those_that_ended_are_not() -> None:
    made = mappings("github", "{name: OLD, not_after: 2026-01-01}, A, B")
    assert problems_of(made, OLD="'a'", A="good", B="'b'") == [
        "B stands in quotes, which count as part of it: take the quotes away"
    ]


def test_an_empty_file_or_variable_is_told_from_a_missing_one(tmp_path: Path) -> None:
    made = mappings("github")
    assert problems_of(made) == []
    assert problems_of(made, A="") == ["A is there and empty: put the secret into it"]
    (tmp_path / "A").write_text("\n")
    secrets = Secrets(environ={}, directory=tmp_path)
    assert [one.summary for one in secret_problems(made, secrets)] == ["is there and empty"]
    (tmp_path / "A").write_text("a secret\n")
    assert secrets.reload()
    assert secret_problems(made, secrets) == []


@pytest.mark.parametrize(
    ("word", "summary"),
    [
        (None, "is not set"),
        ("", "is not set"),
        ("the app secret", "is the same as A, which signs"),
        ("'a word'", "stands in quotes"),
        ("a word", None),
    ],
)
def test_a_verify_token_is_judged_too(word: str | None, summary: str | None) -> None:
    made = mappings("whatsapp", "A", ", handshake_secret: W")
    environ = {"A": "the app secret"} | ({} if word is None else {"W": word})
    found = problems_of(made, **environ)
    assert [one.partition(":")[0] for one in found] == ([f"W {summary}"] if summary else []) or (
        summary is not None and f"W {summary}" in found[0]
    )
