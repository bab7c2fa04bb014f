"""Examples: run, compared, and told apart where they differ."""

from __future__ import annotations

import pytest

from mappings.engine.examples import amount_text, run_examples
from mappings.engine.load import load
from mappings.engine.types import Problem
from tests.mappings.kit import AT, MAPPING, FakeSchemes, delivery, files_of, good, only_outcome

SOLVED = f'{{type: solved, company: "1", id: 7, at: "{AT}"}}'
REOPENED = SOLVED.replace("solved", "reopened")
MARK = "⟦"


def run(examples: str, mapping: str = MAPPING, **others: str) -> tuple[Problem, ...]:
    files = files_of(f"{mapping}examples:\n{examples}", **others)
    found = load(files, timezone="UTC", schemes=FakeSchemes())
    assert [str(problem) for problem in found.problems] == []
    return run_examples(found, files)


RIGHT = {
    "every key": f"""\
  - payload: {SOLVED}
    outcomes:
      - rule: solved
        kind: charge
        agent: bot
        customer: acme
        indicator: solved
        amount: 0.80 USD
        key: '["desk","solved","7"]'
        occurred_at: {AT}
        meta_tags: {{}}
""",
    "any key": f"  - {{payload: {SOLVED}, outcomes: [{{amount: 0.8 USD}}]}}\n",
    "no key": f"  - {{payload: {SOLVED}, outcomes: [{{}}]}}\n",
    "another zone": f"  - {{payload: {SOLVED}, outcomes: [{{occurred_at: "
    '"2026-03-01T12:00:00+01:00"}]}\n',
    "a reversal": f"  - {{payload: {REOPENED}, outcomes: [{{kind: reversal}}]}}\n",
    "nothing": "  - {payload: {type: x}, outcomes: []}\n",
    "a failure": "  - {payload: {type: solved, company: 9, id: 1}, fails: unmapped}\n",
    "no JSON": "  - {payload: examples/bad.json, fails: parse}\n",
    "a file": "  - {payload: examples/solved.json, outcomes: [{customer: acme}]}\n",
    "old": f"  - {{payload: {SOLVED.replace('2026', '1999')}, outcomes: [{{}}]}}\n",
}
FILES = {
    "examples__bad_json": "{",
    "examples__solved_json": f'{{"type": "solved", "company": 1, "id": 7, "at": "{AT}"}}',
}


@pytest.mark.parametrize("example", RIGHT.values(), ids=RIGHT.keys())
def test_a_right_example_says_nothing(example: str) -> None:
    assert run(example, **FILES) == ()


WRONG = {
    "amount": (
        f"  - {{payload: {SOLVED}, outcomes: [{{amount: ⟦0.99 USD}}]}}\n",
        "Expected amount 0.99 USD, got 0.80 USD.",
    ),
    "currency": (
        f"  - {{payload: {SOLVED}, outcomes: [{{amount: ⟦0.80 EUR}}]}}\n",
        "Expected amount 0.80 EUR, got 0.80 USD.",
    ),
    "customer": (
        f"  - {{payload: {SOLVED}, outcomes: [{{customer: ⟦globex}}]}}\n",
        "Expected customer globex, got acme.",
    ),
    "kind": (
        f"  - {{payload: {REOPENED}, outcomes: [⟦{{}}]}}\n",
        "Expected kind charge, got reversal.",
    ),
    "a reversal's amount": (
        f"  - {{payload: {REOPENED}, outcomes: [{{kind: reversal, amount: ⟦0.80 USD}}]}}\n",
        "Expected amount 0.80 USD, got none.",
    ),
    "key": (
        f"  - {{payload: {SOLVED}, outcomes: [{{key: ⟦x}}]}}\n",
        'Expected key x, got ["desk","solved","7"].',
    ),
    "time": (
        f'  - {{payload: {SOLVED}, outcomes: [{{occurred_at: ⟦"2026-03-01T11:00:01Z"}}]}}\n',
        "Expected occurred_at 2026-03-01T11:00:01Z, got 2026-03-01T11:00:00+00:00.",
    ),
    "tags": (
        f"  - {{payload: {SOLVED}, outcomes: [{{meta_tags: ⟦{{a: b}}}}]}}\n",
        "Expected meta_tags {'a': 'b'}, got {}.",
    ),
    "number of outcomes": (
        f"  - {{payload: {SOLVED}, outcomes: ⟦[]}}\n",
        "Expected 0 outcomes, got 1: rule solved, kind charge, agent bot, customer acme, indic",
    ),
    "nothing billed": (
        "  - {payload: {type: x}, outcomes: ⟦[{}]}\n",
        "Expected 1 outcome, got none.",
    ),
    "a failure": (
        "  - ⟦{payload: {type: solved, company: 9, id: 1}, outcomes: []}\n",
        "Expected 0 outcomes, got unmapped: Rule solved, customer:",
    ),
    "no failure": (
        "  - {payload: {type: x}, fails: ⟦unmapped}\n",
        "Expected it to fail as unmapped, got none.",
    ),
    "another failure": (
        "  - {payload: {}, fails: ⟦unmapped}\n",
        "Expected it to fail as unmapped, got mapping: Rule solved, when:",
    ),
}


@pytest.mark.parametrize(("example", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_example_says_expected_and_got_at_its_line(example: str, said: str) -> None:
    (problem,) = run(example.replace(MARK, ""))
    assert problem.message.startswith(said)
    before = f"{MAPPING}examples:\n{example}".partition(MARK)[0]
    assert (problem.line, problem.column) == (
        before.count("\n") + 1,
        len(before) - before.rfind("\n"),
    )


def test_every_difference_is_told() -> None:
    example = (
        f"  - {{payload: {SOLVED}, outcomes: [{{customer: x, amount: 1 USD, rule: solved}}]}}\n"
    )
    assert len(run(example + example)) == 4


def test_headers_receipt_delivery_and_source_can_be_given() -> None:
    mapping = """\
sources: [{name: a, secrets: [A]}, {name: b, secrets: [B]}]
verify: {scheme: signing}
outcomes:
  - name: solved
    when: headers["x-kind"] == "a"
    agent: bot
    customer: acme
    indicator: solved
    once_per: delivery
    occurred_at: ${{ received_at }}
"""
    example = """\
  - payload: {}
    source: b
    headers: {X-Kind: a}
    delivery_id: d-1
    received_at: 2026-02-02T00:00:00Z
    outcomes: [{key: '["b","solved","d-1","0"]', occurred_at: 2026-02-02T00:00:00Z}]
"""
    assert run(example, mapping) == ()


def test_examples_of_files_that_are_not_served_are_left_out() -> None:
    wrong = f"  - {{payload: {SOLVED}, outcomes: []}}\n"
    broken = f"{MAPPING.replace('agent: bot', 'agent: robot')}examples:\n{wrong}"
    files = files_of(broken)
    for last_good in ({}, {"desk.yaml": MAPPING.encode()}):
        found = load(files, timezone="UTC", schemes=FakeSchemes(), last_good=last_good)
        assert run_examples(found, files) == ()


@pytest.mark.parametrize(
    ("price", "text"),
    [("0.80", "0.80 USD"), ("5", "5.00 USD"), ("0.123456", "0.123456 USD"), ("1.2300", "1.23 USD")],
)
def test_amounts_have_two_decimals_or_as_many_as_they_take(price: str, text: str) -> None:
    agents = f'agents: {{bot: {{indicators: {{solved: {{price: "{price}", currency: USD}}}}}}}}'
    payload = {"type": "solved", "company": 1, "id": 7, "at": AT}
    outcome = only_outcome(good(MAPPING, agents_yaml=agents).map(delivery(payload)))
    assert amount_text(outcome) == text
