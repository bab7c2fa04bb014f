from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import pytest

from tests.chaos.messages import Message, messages
from tests.chaos.site import MAPPINGS
from tests.chaos.stories import Stories
from tests.jobs.model import is_decided_by_times

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def some() -> list[Message]:
    return list(islice(messages(Stories(11, NOW), 11), 2_000))


def test_the_same_seed_tells_the_same(some: list[Message]) -> None:
    assert list(islice(messages(Stories(11, NOW), 11), 200)) == some[:200]
    assert list(islice(messages(Stories(12, NOW), 12), 200)) != some[:200]


def test_no_two_messages_share_a_body(some: list[Message]) -> None:
    assert len({message.body for message in some}) == len(some)


def test_every_source_every_fate_and_full_batches_come_up(some: list[Message]) -> None:
    assert {one.source for one in some} == {path.stem for path in MAPPINGS.glob("*.yaml")} - {
        "agents"
    }
    fates = Counter(message.fate for message in some)
    assert fates["recorded"] > fates["ignored"] > fates["failed"] > 0
    assert max(len(one.payload) for one in some if one.source == "crm") == 100


def test_keys_are_charged_taken_back_and_charged_again_and_order_decides_nothing(
    some: list[Message],
) -> None:
    keys: dict[str, list[str]] = {}
    said: dict[str, list[object]] = {}
    for message in some:
        for step in message.steps:
            keys.setdefault(step.key, []).append(step.said.kind)
            said.setdefault(step.key, []).append(step.said)
    assert any(kinds.count("charge") > 1 and "reversal" in kinds for kinds in keys.values())
    assert any(kinds[0] == "reversal" and "charge" in kinds for kinds in keys.values())
    assert any("reinstatement" in kinds and "charge" in kinds for kinds in keys.values())
    assert all(is_decided_by_times(one) for one in said.values())  # type: ignore[arg-type]


def test_one_scope_is_reported_by_two_sources(some: list[Message]) -> None:
    sources: dict[str, set[str]] = {}
    for message in some:
        for step in message.steps:
            sources.setdefault(step.key, set()).add(message.source)
    assert {"portal", "approvals"} in sources.values()
