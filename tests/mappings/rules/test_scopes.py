"""A scope shares keys: wanted between a CRM and an approval tool, wrong between two accounts."""

from __future__ import annotations

import json

import pytest

from mappings.engine.loading.load import MappingSet, load
from mappings.engine.types import DeliveryInput
from tests.mappings.kit import RECEIVED_AT, FakeSchemes, files_of

RULES = """\
verify: {scheme: signing}
let: {who: vars.team, number: id(event.id)}
outcomes:
  - name: solved
    when: event.type == "solved"
    agent: bot
    customer: acme
    indicator: solved
    scope: tickets
    once_per: KEY
  - name: reopened
    when: event.type == "reopened"
    reverses: solved
    once_per: KEY
"""
ACCOUNTS = """\
sources:
  - {name: a, secrets: [A], vars: {team: north, region: eu}}
  - {name: b, secrets: [B], vars: {team: south, region: eu}}
"""
PLAIN = "${{ number }}"


def loaded(*texts: str) -> MappingSet:
    return load(files_of(*texts), timezone="UTC", schemes=FakeSchemes())


def accounts(key: str) -> MappingSet:
    return loaded(ACCOUNTS + RULES.replace("KEY", key))


@pytest.mark.parametrize(
    "key",
    [
        PLAIN,
        f"['${{{{ vars.region }}}}', '{PLAIN}']",
        f"['a', '{PLAIN}']",
        f"['${{{{ event.source }}}}', '{PLAIN}']",
    ],
    ids=["number-alone", "var-that-is-the-same", "literal", "member-named-source"],
)
def test_keys_that_do_not_hold_the_account_are_refused(key: str) -> None:
    found = accounts(key)
    assert [problem.line for problem in found.problems] == [13, 17]
    assert all("does not hold the account" in problem.message for problem in found.problems)
    assert found.unusable >= {"a", "b"}


@pytest.mark.parametrize(
    "key",
    [
        f"['${{{{ source }}}}', '{PLAIN}']",
        f"['${{{{ vars.team }}}}', '{PLAIN}']",
        "${{ who + number }}",
        f"['${{{{ vars[\"team\"] }}}}', '{PLAIN}']",
    ],
    ids=["source", "var-that-differs", "var-by-a-let", "var-by-index"],
)
def test_keys_that_hold_the_account_are_taken_and_differ(key: str) -> None:
    found = accounts(key)
    assert found.problems == ()
    event = {"type": "solved", "id": 7}
    keys = [
        found.map(
            DeliveryInput(
                source=source,
                body=json.dumps(event).encode(),
                headers={"content-type": "application/json"},
                received_at=RECEIVED_AT,
            )
        )
        .outcomes[0]
        .key
        for source in ("a", "b")
    ]
    assert len(set(keys)) == 2


def test_one_account_needs_no_name() -> None:
    assert (
        loaded(
            "sources: [{name: a, secrets: [A], vars: {team: x}}]\n" + RULES.replace("KEY", PLAIN)
        ).problems
        == ()
    )


def test_files_of_one_scheme_that_share_a_scope_are_warned_of() -> None:
    text = RULES.replace("KEY", PLAIN).replace("verify: {scheme: signing}", "vars: {team: x}")
    of = [
        f"source: {name}\nverify: {{scheme: {scheme}, secrets: [A]}}\n{text}"
        for name, scheme in (("a", "signing"), ("b", "signing"), ("c", "plain"))
    ]
    (warning,) = loaded(*of[:2]).warnings
    assert str(warning).startswith("desk2.yaml:11:12: The scope `tickets` is shared with desk.yaml")
    assert loaded(of[0], of[2]).warnings == ()
    assert (
        loaded(*[one.replace(PLAIN, f"['${{{{ source }}}}', '{PLAIN}']") for one in of]).warnings
        == ()
    )
