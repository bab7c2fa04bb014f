"""What counts as a difference between what was billed and what the mapping gives now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jobs.privacy.pseudonyms import pseudonymized
from jobs.replays.comparison import compare, in_force
from mappings.engine.types import Kind, Mapped, Outcome

CHARGE = Outcome(
    event_index=0,
    rule="solved",
    key='["desk","solved","7"]',
    kind=Kind.CHARGE,
    agent_id="bot",
    customer_id="acme",
    indicator="solved",
    occurred_at=None,
    amount_micros=990_000,
    currency="USD",
    mapping_version="m",
)


def row(outcome: Outcome, verdict: str = "charged") -> dict[str, Any]:
    """The outcome as it stands in the table."""
    return {
        "event_index": outcome.event_index,
        "rule": outcome.rule,
        "outcome_key": outcome.key,
        "kind": outcome.kind.value,
        "agent_id": outcome.agent_id,
        "customer_id": outcome.customer_id,
        "indicator": outcome.indicator,
        "amount_micros": outcome.amount_micros,
        "currency": outcome.currency,
        "verdict": verdict,
    }


def differences(was: list[dict[str, Any]], now: list[Outcome]) -> list[tuple[str, bool, bool]]:
    """Of each difference the rule, and whether something was billed and would be."""
    mapped = Mapped(outcomes=tuple(now), failures=(), events=2)
    found = compare("d", was, pseudonymized(mapped, {}))
    return [
        (each["rule"], each["billed"] is not None, each["would_bill"] is not None) for each in found
    ]


SECOND = replace(CHARGE, event_index=1, key='["desk","solved","8"]')
RENAMED = replace(CHARGE, rule="resolved")


@pytest.mark.parametrize(
    ("was", "now", "found"),
    [
        pytest.param([row(CHARGE)], [CHARGE], [], id="the same"),
        pytest.param([row(CHARGE)], [RENAMED], [], id="a rule renamed, its keys kept"),
        pytest.param(
            [row(CHARGE), row(SECOND)],
            [RENAMED, replace(SECOND, rule="resolved")],
            [],
            id="a rule renamed, in each of several events",
        ),
        pytest.param(
            [row(CHARGE)],
            [replace(RENAMED, amount_micros=1)],
            [("resolved", True, True)],
            id="a rule renamed, at another price",
        ),
        pytest.param(
            [row(CHARGE)],
            [replace(RENAMED, key='["desk","resolved","7"]')],
            [("resolved", False, True), ("solved", True, False)],
            id="a rule renamed, its keys lost",
        ),
        pytest.param(
            [row(CHARGE)],
            [replace(CHARGE, key='["desk","solved","T7"]')],
            [("solved", True, True)],
            id="another key",
        ),
        pytest.param(
            [row(CHARGE, "duplicate")],
            [replace(CHARGE, amount_micros=1)],
            [],
            id="another price of what was not charged",
        ),
        pytest.param([row(CHARGE)], [], [("solved", True, False)], id="a rule gone"),
        pytest.param([], [CHARGE], [("solved", False, True)], id="a rule added"),
        pytest.param(
            [row(SECOND), row(CHARGE)],
            [],
            [("solved", True, False), ("solved", True, False)],
            id="several, by event",
        ),
    ],
)
def test_differences(
    was: list[dict[str, Any]], now: list[Outcome], found: list[tuple[str, bool, bool]]
) -> None:
    assert differences(was, now) == found


def test_what_was_rebilled_stands_in_the_place_of_what_it_replaces() -> None:
    rows: list[dict[str, Any]] = [
        {"id": one, "replaces": replaces, "event_index": 0, "kind": "charge", "outcome_key": one}
        for one, replaces in (("1", None), ("2", None), ("3", "1"), ("4", "3"))
    ]
    assert [row["id"] for row in in_force(rows)] == ["4", "2"]
    # The clock of the machine that rebilled it may be slow.
    assert {row["id"] for row in in_force(rows[::-1])} == {"4", "2"}
