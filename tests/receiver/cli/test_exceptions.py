"""`receiver exceptions`: the list for people and programs, and putting one away."""

from __future__ import annotations

import json

import pytest

from jobs.alerts.wording import exceptions
from jobs.queries.exceptions.listing import Tally
from tests.receiver.cli.conftest import Installation
from tests.support.rows import Rows

WAITING, DIFFERS = '["zendesk","solved","t-7"]', '["zendesk","solved","2"]'


async def some(rows: Rows) -> None:
    charge = await rows.charge()  # of key 1
    assert charge == "b1"
    await rows.charge()  # of key 2, and reported again
    again = await rows.delivery()
    await rows.outcome(
        again, outcome_key=DIFFERS, ordinal=2, verdict="duplicate", amount_micros=5_000_000
    )
    late = await rows.delivery()
    await rows.outcome(
        late, outcome_key=WAITING, kind="reversal", verdict="waiting", rule="reopened",
        agent_id=None, customer_id=None, indicator=None, amount_micros=None, currency=None,
    )  # fmt: skip


@pytest.fixture
def filled(installed: Installation) -> Installation:
    installed.fill(some)
    return installed


def test_the_list_is_the_api_s(filled: Installation) -> None:
    ran = filled.run("exceptions", "--json")
    assert ran.code == 0
    waiting, differs = ran.json
    assert (waiting["kind"], waiting["count"]) == ("waiting-reversal", 1)
    assert waiting["commands"] == ["receiver show d4"]
    assert (differs["kind"], differs["count"]) == ("amount-differs", 1)
    (example,) = differs["examples"]
    assert (example["billed"], example["reported"]) == (
        {"currency": "USD", "amount": "0.99"},
        {"currency": "USD", "amount": "5.00"},
    )
    assert differs["commands"] == [
        "receiver reverse b2 --rebill --from d3 --note 'amount corrected by the vendor'"
    ]
    assert differs.keys() == {
        "kind", "count", "first_at", "last_at", "detail", "remediation", "commands", "examples",
    }  # fmt: skip


def test_people_see_both_amounts_the_key_and_the_command(filled: Installation) -> None:
    out = filled.run("exceptions").out
    for part in (
        "1 x waiting-reversal",
        f"{WAITING}, reversed by delivery d4",
        "1 x amount-differs",
        "0.99 USD billed, 5.00 USD reported by delivery d3",
        "receiver reverse b2 --rebill --from d3",
    ):
        assert part in out
    assert max(map(len, filled.run("exceptions", "--kind", "unused-price").out.split())) < 80


def test_one_kind_and_so_many_examples(filled: Installation) -> None:
    (item,) = filled.run("exceptions", "--kind", "amount-differs", "--examples", "0", "--json").json
    assert (item["count"], item["examples"], item["commands"]) == (1, [], [])
    ran = filled.run("exceptions", "--kind", "amount-differ")
    assert ran.code == 2
    assert "did you mean amount-differs?" in ran.err


def test_none_are_said_to_be_none(installed: Installation) -> None:
    assert installed.run("exceptions").out == "no exceptions\n"
    assert installed.run("exceptions", "--json").json == []


def test_dismissing_wants_a_note_and_a_key_that_stands(filled: Installation) -> None:
    ran = filled.run("exceptions", "--dismiss", WAITING)
    assert (ran.code, ran.err) == (
        2,
        "receiver: --note is missing; say why this is no exception\n",
    )
    ran = filled.run("exceptions", "--dismiss", '["zendesk","solved","1"]', "--note", "n")
    assert ran.code == 2
    assert "stands" in ran.err
    done = filled.run("exceptions", "--dismiss", WAITING, "--note", "a person's", "--json")
    assert done.json == {"dismissed": 1}
    assert [one["kind"] for one in filled.run("exceptions", "--json").json] == ["amount-differs"]
    [action] = filled.run("actions", "--json").json
    assert action["filter"] == {"outcome_keys": [WAITING]}


def test_doctor_calls_it_a_problem_where_no_order_of_arrival_puts_it_right(
    filled: Installation,
) -> None:
    found = {one["name"]: one for one in json.loads(filled.run("doctor", "--json").out)}
    check = found["exceptions"]
    assert check["status"] == "problem"
    assert check["summary"] == "1 waiting-reversal, 1 amount-differs"
    young, *_ = exceptions([Tally("waiting-reversal", count=2)])
    assert not young.is_problem
    old, *_ = exceptions([Tally("waiting-reversal", count=2, overdue=1)])
    assert old.is_problem
    assert old.commands == ("receiver exceptions --kind waiting-reversal",)
