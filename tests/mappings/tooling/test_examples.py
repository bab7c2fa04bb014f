"""Examples: run, compared, and their differences reported."""

from __future__ import annotations

import pytest

from mappings.engine.loading.load import load
from mappings.engine.tooling.examples import amount_text, run_examples
from mappings.engine.types import FileProblem
from tests.mappings.kit import (
    AGENTS,
    AT,
    MAPPING,
    FakeSchemes,
    delivery,
    files_of,
    good,
    only_outcome,
)

SOLVED = f'{{type: solved, company: "1", id: 7, at: "{AT}"}}'
REOPENED = SOLVED.replace("solved", "reopened")
MARK = "⟦"


def run(examples: str, mapping: str = MAPPING, **others: str) -> tuple[FileProblem, ...]:
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


def test_every_difference_is_listed() -> None:
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


EXAMPLES = f"""\
examples:
  - {{payload: {SOLVED}, outcomes: [{{rule: solved, amount: 0.80 USD}}]}}
  - {{payload: {REOPENED}, outcomes: [{{rule: reopened, kind: reversal}}]}}
  - {{payload: {SOLVED.replace('"1"', '"9"')}, fails: unmapped}}
"""


def check(mapping: str = MAPPING + EXAMPLES, **others: str) -> list[str]:
    """What `receiver check` lists, cause first."""
    files = files_of(mapping, **others)
    found = load(files, timezone="UTC", schemes=FakeSchemes())
    return [str(problem) for problem in (*found.problems, *run_examples(found, files))]


BROKEN = {
    "an unquoted price": ({"agents_yaml": AGENTS.replace('"0.99"', "0.99")}, ["agents.yaml:4"]),
    "no YAML in prices": ({"agents_yaml": "agents: ["}, ["agents.yaml"]),
    "a table that cannot be read": ({"tables__companies_yaml": "a: [b"}, ["tables/companies.yaml"]),
    "both": (
        {"agents_yaml": "agents: [", "tables__companies_yaml": "a: [b"},
        ["agents.yaml", "tables/companies.yaml"],
    ),
}


@pytest.mark.parametrize(("others", "causes"), BROKEN.values(), ids=BROKEN.keys())
def test_of_a_broken_file_that_others_need_the_cause_alone_is_listed(
    others: dict[str, str], causes: list[str]
) -> None:
    listed = check(**others)
    assert len(listed) == len(causes), listed
    assert all(line.startswith(cause) for line, cause in zip(listed, causes, strict=True))


def test_without_prices_that_alone_is_listed() -> None:
    files = files_of(MAPPING + EXAMPLES)
    del files["agents.yaml"]
    found = load(files, timezone="UTC", schemes=FakeSchemes())
    listed = (*found.problems, *run_examples(found, files))
    assert [problem.message for problem in listed] == ["There is no agents.yaml."]


def test_examples_that_need_no_broken_file_are_run_all_the_same() -> None:
    wrong = EXAMPLES.replace("rule: reopened", "rule: solved")
    (cause, echo) = check(MAPPING + wrong, agents_yaml="agents: [")
    assert cause.startswith("agents.yaml")
    assert "Expected rule solved, got reopened" in echo


def test_causes_come_before_the_files_that_sort_before_them() -> None:
    listed = check(MAPPING.replace("agent: bot", "agent:"), tables__companies_yaml="a: [b")
    assert [line.partition(":")[0] for line in listed] == ["tables/companies.yaml", "desk.yaml"]


ECHOES = {
    "a misspelt key of a rule": MAPPING.replace("    once_per", "    onceper", 1) + EXAMPLES,
    "a rule without a good name": MAPPING.replace("name: solved", "name: sol ved") + EXAMPLES,
    "a misspelt let": MAPPING.replace("outcomes:", "lets: {kind: event.type}\noutcomes:").replace(
        "event.type ==", "kind =="
    ),
    "a let of the wrong type": MAPPING.replace("outcomes:", "let: {kind: 1}\noutcomes:").replace(
        "event.type ==", "kind =="
    ),
    "a misspelt key that is required": MAPPING.replace("outcomes:", "outcome:") + EXAMPLES,
    "a misspelt name of a rule": MAPPING.replace("- name: reopened", "- nme: reopened") + EXAMPLES,
    "a misspelt key of verify": MAPPING.replace("secrets:", "secret:") + EXAMPLES,
    "two rules of one name": MAPPING.replace("- name: reopened", "- name: solved") + EXAMPLES,
    "a member that is not there": MAPPING.replace("event.type", "event.typ") + EXAMPLES,
    "a let that fails": MAPPING.replace("outcomes:", "let: {kind: event.typ}\noutcomes:").replace(
        "event.type ==", "kind =="
    )
    + EXAMPLES,
    "misspelt vars": MAPPING.replace("outcomes:", "var: {bot: bot}\noutcomes:").replace(
        "agent: bot", "agent: ${{ vars.bot }}"
    ),
}


@pytest.mark.parametrize("mapping", ECHOES.values(), ids=ECHOES.keys())
def test_what_uses_a_broken_part_of_a_file_is_not_blamed_as_well(mapping: str) -> None:
    assert len(check(mapping)) == 1


def test_one_cause_in_several_lines_names_them_all() -> None:
    (listed,) = check(MAPPING.replace("event.type", "evnt.type"))
    assert "There is no variable `evnt`. The same in line" in listed
    assert "Write event" in listed
