"""A starting mapping is a good one, whatever the scheme."""

from __future__ import annotations

import pytest

from mappings.engine.loading.load import load
from mappings.engine.tooling.examples import run_examples
from receiver.authoring.scaffold import (
    AGENTS_TEXT,
    EXAMPLE,
    Billable,
    billables,
    secret_name,
    starting_text,
)
from receiver.signatures import RULES

URL = "https://hooks.example.com/webhooks/desk"


OTHER = Billable("other-agent", "other-done")
AGENTS = (
    AGENTS_TEXT
    + "  other-agent:\n    indicators:\n      other-done: {price: '1', currency: USD}\n"
    + "      share: {percent: '1', currency: USD}\n"
)


@pytest.mark.parametrize(
    ("scheme", "billable"),
    [*((name, EXAMPLE) for name in RULES.names()), ("hmac", None), ("twilio-form", None)],
)
def test_it_loads_and_its_examples_pass(scheme: str, billable: Billable | None) -> None:
    text = starting_text(
        source="desk", scheme=scheme, url=URL, billable=billable, among=[EXAMPLE, OTHER]
    )
    files = {"agents.yaml": AGENTS.encode(), "desk.yaml": text.encode()}
    found = load(files, timezone="UTC", schemes=RULES)
    assert found.problems == ()
    assert run_examples(found, files) == ()
    assert found.sources["desk"].mode == "shadow"
    assert billables(found.catalogue) == [EXAMPLE, OTHER]
    assert URL in text
    assert ("    agent: example-agent\n" in text) == (billable is EXAMPLE)


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ("basic", "DESK_SECRET, written as `user:password`"),
        ("pipedrive", "DESK_SECRET, written as `user:password`"),
        ("path-token", "DESK_SECRET (16 characters or more, the end of that URL)"),
        ("github", "DESK_SECRET: in the environment"),
    ],
)
def test_it_names_the_form_of_the_secret(scheme: str, said: str) -> None:
    text = starting_text(source="desk", scheme=scheme, url=URL, billable=EXAMPLE)
    assert f"# 2. Set its secret here, {said}" in text


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
