"""`receiver show` takes any id and tells its story; `receiver actions` lists what people did."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from jobs.storage.schema import actions
from tests.receiver.cli.conftest import Installation
from tests.support.rows import START, Rows

KEY = '["zendesk","solved","1"]'


async def story(rows: Rows) -> None:
    delivery = await rows.delivery(dedupe_key="id:evt_1", vendor_id="evt_1")
    charge = await rows.charge(delivery_id=delivery)
    async with rows.database.write() as connection:
        await connection.execute(
            insert(actions).values(
                id="a1", kind="reverse", actor="kim", at=START, filter={"ids": [charge]},
                count=1, note="test ticket",
                detail={"amounts": [{"currency": "USD", "amount": "-0.99"}], "run": "a1"},
            )
        )  # fmt: skip
    cause = await rows.outcome(
        None, outcome_key=KEY, ordinal=2, kind="reversal", verdict="reversed", action_id="a1"
    )
    at = START + timedelta(days=1)
    await rows.reversal(charge, at, outcome_key=KEY, outcome_id=cause, delivery_id="d1")


@pytest.fixture
def filled(installed: Installation) -> Installation:
    installed.fill(story)
    return installed


def test_a_billing_event_is_told_from_its_delivery_to_its_undoing(filled: Installation) -> None:
    out = filled.run("show", "b1").out
    for part in (
        "b1  charge",
        "taken back by b2",
        "d1, event 0",
        "evt_1",
        f"SHA-256 {'0' * 64}",
        KEY,
        "reversed by hand",
        "reverse by hand: 2026-05-01 12:00:00Z kim: test ticket",
    ):
        assert part in out
    assert filled.run("show", "b1", "--json").json["reversed_by"] == "b2"


@pytest.mark.parametrize("text", [KEY, "o1", "1"])
def test_a_key_is_told_by_itself_its_outcome_and_its_value(filled: Installation, text: str) -> None:
    found = filled.run("show", text, "--json").json
    assert (found["outcome_key"], found["open_charge"]) == (KEY, None)
    assert [one["verdict"] for one in found["outcomes"]] == ["charged", "reversed"]
    assert "nothing is owed" in filled.run("show", text).out


def test_the_vendor_s_id_is_the_delivery_s(filled: Installation) -> None:
    assert filled.run("show", "evt_1", "--json").json["id"] == "d1"
    assert f"SHA-256 {'0' * 64}" in filled.run("show", "evt_1").out


def test_an_action_tells_what_was_done(filled: Installation) -> None:
    out = filled.run("show", "a1").out
    facts = [line.split() for line in out.splitlines()]
    assert ["by", "kim"] in facts
    assert ["which", "ids", "b1"] in facts
    assert ["amounts", "-0.99", "USD"] in facts
    assert "test ticket" in out
    assert "{" not in out, "what people read is no dump of an object"


def test_several_with_one_id_are_listed(filled: Installation) -> None:
    filled.fill(lambda rows: rows.delivery(id="d9", dedupe_key="id:1"))
    ran = filled.run("show", "1", "--json")
    assert ran.json == [
        {"kind": "delivery", "id": "d9"},
        {"kind": "outcome key", "id": KEY},
    ]
    assert "2 things have the id '1'" in filled.run("show", "1").err


def test_actions_are_listed_newest_first(filled: Installation) -> None:
    [found] = filled.run("actions", "--json").json
    assert found == {
        "id": "a1",
        "kind": "reverse",
        "actor": "kim",
        "at": "2026-05-01T12:00:00Z",
        "filter": {"ids": ["b1"]},
        "count": 1,
        "note": "test ticket",
        "detail": {"amounts": [{"currency": "USD", "amount": "-0.99"}], "run": "a1"},
    }
    out = filled.run("actions").out
    assert "ids b1" in out
    assert "test ticket" in out


def test_actions_of_an_unknown_kind_are_refused_with_the_nearest(filled: Installation) -> None:
    ran = filled.run("actions", "--kind", "revers")
    assert ran.code == 2
    assert "did you mean reverse?" in ran.err
    unused = filled.run("actions", "--kind", "dismiss")
    assert (unused.code, unused.out) == (0, "no action matches\n")
    assert filled.run("actions", "--since", "2026-06-01", "--json").json == []
