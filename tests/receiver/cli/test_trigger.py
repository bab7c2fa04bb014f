"""`trigger`: an example posted as a new event of its vendor."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import httpx
import pytest

from receiver.cli.common import posting as sending
from receiver.signatures import verify
from tests.receiver.cli.conftest import Installation

EXAMPLES = """\
  - name: reopened
    when: payload.state == "open"
    reverses: solved
    once_per: ${{ id(payload.ticket) }}
examples:
  - payload: {state: solved, ticket: 13, customer: acme}
    outcomes: [{customer: acme}]
  - payload: {state: open, ticket: 13, customer: acme}
    outcomes: [{kind: reversal}]
"""


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bodies that were posted, each verified as the receiver would verify it."""
    bodies: list[bytes] = []

    def post(url: str, headers: Mapping[str, str], body: bytes) -> httpx.Response:
        known, secrets = dict(headers), ["a secret of the tests"]
        verify(
            *("zendesk",),
            secrets=secrets,
            method="POST",
            url=url,
            headers=known,
            body=body,
            now=time.time(),
        )
        bodies.append(body)
        return httpx.Response(202, json={"status": "accepted", "delivery": str(len(bodies))})

    monkeypatch.setattr(sending, "_post", post)
    return bodies


@pytest.fixture
def shown(bare: Installation) -> Installation:
    with (bare.mappings / "zendesk.yaml").open("a") as file:
        file.write(EXAMPLES)
    return bare


def test_each_trigger_is_a_new_outcome(shown: Installation, posted: list[bytes]) -> None:
    for _ in range(2):
        ran = shown.run("trigger", "zendesk", "solved", "--json")
        assert ran.code == 0
        (done,) = ran.json
        assert done["gives"] == "solved 0.99 USD for acme"
        assert done["new_outcome"] is True
        assert [(one["kind"], one["path"], one["old"]) for one in done["replaced"]] == [
            ("id", "ticket", 13)
        ]
    first, second = map(json.loads, posted)
    assert first["ticket"] != second["ticket"]
    assert {**first, "ticket": 13} == {**second, "ticket": 13}


def test_a_charge_and_what_takes_it_back_are_of_one_key(
    shown: Installation, posted: list[bytes]
) -> None:
    ran = shown.run("trigger", "zendesk", "ticket-resolved", "reopened")
    assert ran.code == 0, ran.err
    tickets = {json.loads(body)["ticket"] for body in posted}
    assert len(posted) == 2
    assert len(tickets) == 1
    assert tickets != {13}
    assert "  id    ticket: 13 → " in ran.out


def test_again_posts_the_same_request_twice(shown: Installation, posted: list[bytes]) -> None:
    ran = shown.run("trigger", "zendesk", "solved", "--again")
    assert ran.code == 0
    assert len(posted) == 2
    assert len(set(posted)) == 1


def test_without_a_name_the_examples_are_listed(shown: Installation, posted: list[bytes]) -> None:
    for arguments in ([], ["zendesk"]):
        ran = shown.run("trigger", *arguments, "--json")
        assert (ran.code, posted) == (0, [])
        assert ran.json == [
            {"source": "zendesk", "example": "example-1", "gives": "solved 0.99 USD for acme"},
            {"source": "zendesk", "example": "example-2", "gives": "reopened (reversal)"},
        ]
    assert "example-1" in shown.run("trigger").out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["zendesk", "slved"], "source zendesk has no example 'slved'; did you mean solved?"),
        (["zendesk", "xyz"], "there are example-1, example-2, solved, ticket-resolved, reopened"),
        (["zendask", "solved"], "did you mean zendesk?"),
    ],
)
def test_a_name_that_is_misspelt_is_refused_with_the_nearest(
    shown: Installation, posted: list[bytes], arguments: list[str], expected: str
) -> None:
    ran = shown.run("trigger", *arguments)
    assert (ran.code, ran.out, posted) == (2, "", [])
    assert expected in ran.err


def test_a_refusal_exits_1(shown: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> httpx.Response:
        return httpx.Response(401, json={"error": "not-verified"})

    monkeypatch.setattr(sending, "_post", refuse)
    ran = shown.run("trigger", "zendesk", "solved")
    assert ran.code == 1
    assert "/webhooks/zendesk answered 401" in ran.err
