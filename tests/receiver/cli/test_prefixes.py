"""The start of an id, wherever a command takes an id."""

from __future__ import annotations

import json

import pytest

from tests.receiver.cli.conftest import Installation
from tests.support.rows import Rows

FIRST, SECOND = "0198f2c4-5f7b-7c3e-9f55-0c6bd5a1f2d0", "0198f2c4-6f7b-7c3e-9f55-0c6bd5a1f2d0"
LINE = "0199aaaa-5f7b-7c3e-9f55-0c6bd5a1f2d0"


async def _fill(rows: Rows) -> None:
    body = json.dumps({"state": "solved", "customer": "acme", "ticket": 1}).encode()
    await rows.failure("unpriced", "no price", id=FIRST, body=body)
    await rows.delivery(id=SECOND, body=body)
    await rows.charge(id=LINE, delivery_id=SECOND)


@pytest.fixture
def filled(installed: Installation) -> Installation:
    installed.fill(_fill)
    installed.take_up()
    return installed


TAKE = {
    "deliveries": ["deliveries", FIRST[:13]],
    "show": ["show", FIRST[:13]],
    "try": ["try", "zendesk", FIRST[:13]],
    "example": ["example", FIRST[:13]],
    "replay": ["replay", FIRST[:13], "--dry-run"],
    "discard": ["discard", FIRST[:13], "--dry-run"],
    "events": ["events", "--delivery", SECOND[:13]],
    "reverse": ["reverse", LINE[:4], "--dry-run"],
    "reverse-a-delivery": ["reverse", SECOND[:13], "--dry-run"],
    "rebill-from": ["reverse", LINE[:4], "--rebill", "--from", SECOND[:13], "--dry-run"],
}


@pytest.mark.parametrize("command", TAKE.values(), ids=TAKE.keys())
def test_the_start_of_an_id_is_as_good_as_the_id(filled: Installation, command: list[str]) -> None:
    whole = {FIRST[:13]: FIRST, SECOND[:13]: SECOND, LINE[:4]: LINE}
    ran = filled.run(*command)
    assert ran.code == 0, ran
    assert ran.out == filled.run(*(whole.get(word, word) for word in command)).out


@pytest.mark.parametrize(
    "command",
    [one for one in TAKE.values() if one[0] not in ("show", "reverse")],
    ids=lambda c: c[0],
)
def test_the_start_of_several_ids_is_misuse_that_names_them(
    filled: Installation, command: list[str]
) -> None:
    ran = filled.run(
        *(FIRST[:8] if word in (FIRST[:13], SECOND[:13]) else word for word in command)
    )
    assert (ran.code, ran.out) == (2, "")
    assert FIRST in ran.err
    assert SECOND in ran.err
