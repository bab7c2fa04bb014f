"""A starting mapping is a good one, whatever the scheme."""

from __future__ import annotations

import pytest

from mappings.engine.examples import run_examples
from mappings.engine.load import load
from receiver.signatures import RULES
from receiver.starting import AGENTS_TEXT, EXAMPLE, first_billable, secret_name, starting_text

URL = "https://hooks.example.com/webhooks/desk"


@pytest.mark.parametrize("scheme", list(RULES.names()))
def test_it_loads_and_its_examples_pass(scheme: str) -> None:
    text = starting_text(source="desk", scheme=scheme, url=URL, billable=EXAMPLE)
    files = {"agents.yaml": AGENTS_TEXT.encode(), "desk.yaml": text.encode()}
    found = load(files, timezone="UTC", schemes=RULES)
    assert found.problems == ()
    assert run_examples(found, files) == ()
    assert found.sources["desk"].mode == "shadow"
    assert first_billable(found.catalogue) == EXAMPLE
    assert URL in text


@pytest.mark.parametrize(
    ("source", "secret"),
    [
        ("zendesk", "ZENDESK_SECRET"),
        ("zendesk-acme", "ZENDESK_ACME_SECRET"),
        ("3cx", "_3CX_SECRET"),
    ],
)
def test_the_secrets_name_is_one_that_a_shell_takes(source: str, secret: str) -> None:
    assert secret_name(source) == secret
