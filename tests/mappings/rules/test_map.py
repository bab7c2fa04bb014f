"""Mapping a delivery: what bills, at which price and under which key, and that nothing raises."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mappings.engine.reasons import Reason
from mappings.engine.tooling.trace import trace
from mappings.engine.types import Kind, Mapped
from tests.mappings.kit import (
    BATCH,
    MAPPING,
    SOLVED,
    delivery,
    good,
    mapped,
    only_failure,
    only_outcome,
    rule,
    rules,
)
from tests.support.effort import examples


def test_a_charge_is_priced_and_keyed() -> None:
    found = good()
    outcome = only_outcome(found.map(delivery(SOLVED)))
    assert outcome.kind is Kind.CHARGE
    assert outcome.triple == ("bot", "acme", "solved")
    assert outcome.key == '["desk","solved","7"]'
    assert outcome.occurred_at == datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
    assert (outcome.amount_micros, outcome.currency) == (800_000, "USD")
    assert outcome.mapping_version == found.sources["desk"].mapping_version
    assert found.catalogue is not None
    assert outcome.price_version == found.catalogue.version


def test_a_reversal_has_the_key_of_its_charge_and_no_price() -> None:
    outcome = only_outcome(mapped(MAPPING, {**SOLVED, "type": "reopened"}))
    assert outcome.kind is Kind.REVERSAL
    assert outcome.rule == "reopened"
    assert outcome.key == '["desk","solved","7"]'
    assert outcome.triple == (None, None, None)
    assert (outcome.amount_micros, outcome.currency, outcome.price_version) == (None, None, None)


def test_a_reversal_of_a_renamed_rule_with_a_scope_has_its_charges_key() -> None:
    text = rule(name="won", was="[sold]", scope="deals") + (
        '  - name: lost\n    when: "true"\n    reverses: won\n    once_per: ${{ id(event.id) }}\n'
    )
    charge, reversal = mapped(text, {"id": 1}).outcomes
    assert charge.key == reversal.key == '["deals","","1"]'


def test_a_reinstatement_has_the_key_of_its_charge_and_no_price() -> None:
    text = rule(name="won", was="[sold]", scope="deals") + (
        '  - name: lost\n    when: "true"\n    reverses: won\n    once_per: ${{ id(event.id) }}\n'
        '  - name: back\n    when: "true"\n    reinstates: won\n    once_per: ${{ id(event.id) }}\n'
        "    agent: bot\n"
    )
    charge, reversal, outcome = mapped(text, {"id": 1}).outcomes
    assert (outcome.rule, outcome.kind) == ("back", Kind.REINSTATEMENT)
    assert outcome.key == reversal.key == charge.key
    assert outcome.triple == ("bot", None, None)
    assert (outcome.amount_micros, outcome.currency, outcome.price_version) == (None, None, None)


@pytest.mark.parametrize("amount", ["first", "latest"])
def test_a_charge_says_which_amount_counts(amount: str) -> None:
    assert only_outcome(mapped(rule(amount=amount), {"id": 1})).amount_rule == amount
    assert only_outcome(mapped(rule(), {"id": 1})).amount_rule == "first"


def test_a_renamed_rule_keeps_its_keys() -> None:
    assert only_outcome(mapped(rule(was="[done]"), {"id": 1})).key == '["desk","done","1"]'


def test_every_matching_rule_bills() -> None:
    text = rule() + rule(name="again").partition("outcomes:\n")[2]
    assert [o.rule for o in mapped(text, {"id": 1}).outcomes] == ["solved", "again"]


def test_nothing_matches_and_nothing_bills() -> None:
    assert mapped(MAPPING, {"type": "comment"}) == Mapped(outcomes=(), failures=(), events=1)


def test_each_event_of_a_batch_goes_through_every_rule() -> None:
    found = mapped(BATCH, [SOLVED, {"type": "comment"}, {**SOLVED, "id": 8}])
    assert found.events == 3
    assert [(o.event_index, o.key) for o in found.outcomes] == [
        (0, '["desk","solved","7"]'),
        (2, '["desk","solved","8"]'),
    ]


def test_a_bad_event_does_not_hide_what_the_others_would_bill() -> None:
    found = mapped(BATCH, [SOLVED, {**SOLVED, "company": 9}, {**SOLVED, "id": 8}, {}])
    assert [o.event_index for o in found.outcomes] == [0, 2]
    assert {(f.event_index, f.rule, f.reason) for f in found.failures} == {
        (1, "solved", Reason.UNMAPPED),
        (3, "solved", Reason.MAPPING),
        (3, "reopened", Reason.MAPPING),
    }


def test_an_unknown_agent_says_what_to_add_where() -> None:
    failure = only_failure(mapped(rule(agent="${{ event.a }}"), {"id": 1, "a": "ann"}))
    assert (failure.reason, failure.rule) == (Reason.UNPRICED, "solved")
    assert failure.detail.startswith("Rule solved: agents.yaml has no agent `ann`. Add under")


def test_a_percentage_without_value_is_unpriced() -> None:
    text = rule(indicator="${{ event.i }}")
    failure = only_failure(mapped(text, {"id": 1, "i": "saved"}))
    assert failure.reason is Reason.UNPRICED
    assert "`value:`" in failure.detail


# what else expressions see


def test_expressions_see_headers_source_and_receipt() -> None:
    text = rule(
        when='headers["x-kind"] == "a" && source == "desk" && received_at.getFullYear() == 2026'
    )
    found = mapped(text, {"id": 1}, headers={"x-kind": "a"})
    assert len(found.outcomes) == 1


def test_a_form_is_mapped_like_json() -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    found = good(rule()).map(delivery(b"id=5&x=y", headers=headers))
    assert only_outcome(found).key == '["desk","solved","5"]'


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "company", "id", "at", "v", "x", "\x00", "é"]), inner
        )
    ),
    max_leaves=25,
)
HUNGRY = good(
    rules(
        """\
  - name: solved
    when: >-
      deep.x == event.v || event.id in event.x || event.type.endsWith("a") || event.at > event.v
    agent: ${{ event.type }}
    customer: ${{ lookup("companies", id(event.company)) }}
    indicator: ${{ event.v + event.x }}
    once_per: ["${{ event.id }}", "${{ json(event.x).y }}", "${{ deep[0] }}"]
    occurred_at: ${{ event.at }}
    value: ${{ event.v }}
    meta_tags: {a: "${{ event }}", b: "${{ event.?x.?y.orValue(1) }}"}
  - name: gone
    when: event.?type.?x.orValue(event) != id(event.v) && event.exists(e, e == deep)
    reverses: solved
    once_per: ["${{ event.id }}", "${{ string(event.x) }}", "${{ event.at }}"]
    occurred_at: ${{ millis(event.at) }}
""",
        head="events: 'has(payload.x) ? payload.x : [payload]'\nlet: {deep: event.x.v}\n",
    )
)
PLAIN = good()


@examples(60)
@given(JSON)
def test_whatever_json_arrives_nothing_raises(payload: Any) -> None:
    body = json.dumps(payload).encode()
    first, second = (HUNGRY.map(delivery(body)) for _ in range(2))
    assert first == second
    trace(HUNGRY, delivery(body)).as_json()


@examples(100)
@given(st.binary(max_size=200))
def test_whatever_bytes_arrive_nothing_raises(body: bytes) -> None:
    assert isinstance(PLAIN.map(delivery(body)), Mapped)


def test_a_hundred_events_are_mapped_within_a_few_milliseconds() -> None:
    mappings = good(BATCH)
    body = json.dumps(
        [{**SOLVED, "id": n, "type": "x" if n % 30 else "solved"} for n in range(100)]
    )
    one = delivery(body.encode())
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        mappings.map(one)
        took.append(time.perf_counter() - begun)
    assert len(mappings.map(one).outcomes) == 4
    assert min(took) < 0.05  # 2 to 3 ms on an idle core; a shared one is given room
