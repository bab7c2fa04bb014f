from __future__ import annotations

from typing import Any

import pytest

from jobs.privacy.pseudonyms import Wording, key_without, pseudonym_of, pseudonymized
from mappings.engine.rules.identity import outcome_key
from mappings.engine.types import Kind, Mapped, Outcome

SECRET = "ab" * 32
STAND_IN = pseudonym_of("acme", secret=SECRET)
PURGED = {"acme": STAND_IN}


def outcome(**changes: Any) -> Outcome:
    fields: dict[str, Any] = {
        "event_index": 0,
        "rule": "won",
        "key": '["crm","won","D-1"]',
        "kind": Kind.CHARGE,
        "agent_id": "acme",
        "customer_id": "acme",
        "indicator": "acme",
        "occurred_at": None,
        "amount_micros": 1,
        "currency": "USD",
        "meta_tags": {"mail": "someone"},
        "mapping_version": "m",
    }
    return Outcome(**{**fields, **changes})


def erase(original: Outcome) -> Outcome:
    mapped = Mapped(outcomes=(original,), failures=(), events=1)
    return pseudonymized(mapped, PURGED).outcomes[0]


def test_a_pseudonym_depends_on_the_secret_and_shows_nothing_of_the_id() -> None:
    assert STAND_IN.startswith("purged-")
    assert len(STAND_IN) == len("purged-") + 32
    assert pseudonym_of("acme", secret=SECRET) == STAND_IN
    assert pseudonym_of("acme", secret="cd" * 32) != STAND_IN
    assert pseudonym_of("acme2", secret=SECRET) != STAND_IN


def test_a_purged_customer_is_replaced_and_its_tags_are_left_out() -> None:
    now = erase(outcome())
    assert (now.customer_id, now.agent_id, now.indicator) == (STAND_IN, "acme", "acme")
    assert now.key == '["crm","won","D-1"]'
    assert now.meta_tags == {}


def test_another_customer_is_left_alone() -> None:
    original = outcome(customer_id="globex")
    assert erase(original) == original


KEYS = {
    "a value": ('["crm","won","acme","D-1"]', f'["crm","won","{STAND_IN}","D-1"]'),
    "each value": ('["crm","won","acme","acme"]', f'["crm","won","{STAND_IN}","{STAND_IN}"]'),
    "of a scope": ('["deals","","acme"]', f'["deals","","{STAND_IN}"]'),
    "not the source": ('["acme","won","D-1"]', '["acme","won","D-1"]'),
    "not the rule": ('["crm","acme","D-1"]', '["crm","acme","D-1"]'),
    "not a part of a value": ('["crm","won","acme-2"]', '["crm","won","acme-2"]'),
    "not what is no key": ("acme", "acme"),
    "not what is no list": ('{"acme":"acme"}', '{"acme":"acme"}'),
    "not what holds other things": ('["crm","won",7,"acme"]', '["crm","won",7,"acme"]'),
}


@pytest.mark.parametrize(("key", "now"), KEYS.values(), ids=KEYS.keys())
def test_values_of_a_key_are_replaced_and_nothing_else_of_it(key: str, now: str) -> None:
    assert key_without(key, PURGED) == now
    assert erase(outcome(customer_id="globex", key=key)).key == now


@pytest.mark.parametrize("value", ['a"b\\c', "Zoë ✓", "a\u2028b", "/"])
def test_a_key_that_is_replaced_is_written_as_the_mapping_writes_it(value: str) -> None:
    """Letter by letter: two texts of one key would bill twice."""
    key = outcome_key(source="crm", rule="won", scope=None, values=["acme", value])
    expected = outcome_key(source="crm", rule="won", scope=None, values=[STAND_IN, value])
    assert key_without(key, PURGED) == expected


def test_tags_of_a_reversal_without_customer_go_with_its_key() -> None:
    reversal = {"kind": Kind.REVERSAL, "customer_id": None, "amount_micros": None}
    theirs = erase(outcome(**reversal, key='["crm","won","acme"]'))
    assert (theirs.customer_id, theirs.meta_tags) == (None, {})
    others = outcome(**reversal)
    assert erase(others) == others


def test_without_a_purge_nothing_changes() -> None:
    mapped = Mapped(outcomes=(outcome(),), failures=(), events=1)
    assert pseudonymized(mapped, {}) is mapped


WORDS = {
    "a word": ("would bill a / acme / won", f"would bill a / {STAND_IN} / won"),
    "before a comma": ("for acme, now", f"for {STAND_IN}, now"),
    "at an end": ("for acme.", f"for {STAND_IN}."),
    "in quotes": ('key ["crm","won","acme"]: no', f'key ["crm","won","{STAND_IN}"]: no'),
    "whole": ("acme", STAND_IN),
    "not a longer id": ("acme-corp x-acme acme.io a@acme acme2", None),
    "not a name with colons": ("acme:eu ns:acme", None),
}


@pytest.mark.parametrize(("text", "now"), WORDS.values(), ids=WORDS.keys())
def test_an_id_is_replaced_where_it_is_a_word(text: str, now: str | None) -> None:
    assert Wording("acme", STAND_IN).text(text) == (text if now is None else now)


@pytest.mark.parametrize("customer", ['a"b', "Zoë", "a.b*c", "a b", "back\\slash"])
def test_an_id_is_found_however_it_is_escaped(customer: str) -> None:
    stand_in = pseudonym_of(customer, secret=SECRET)
    key = outcome_key(source="crm", rule="won", scope=None, values=[customer])
    assert Wording(customer, stand_in).text(f"key {key}: it") == (
        f'key ["crm","won","{stand_in}"]: it'
    )


def test_json_is_searched_deep_but_not_where_no_customer_can_be() -> None:
    texts = {
        "differences": [{"delivery": "acme", "billed": {"customer_id": "acme", "kind": "acme"}}],
        "count": 4,
        "note": None,
    }
    assert Wording("acme", STAND_IN).value(texts) == {
        "differences": [{"delivery": "acme", "billed": {"customer_id": STAND_IN, "kind": "acme"}}],
        "count": 4,
        "note": None,
    }
