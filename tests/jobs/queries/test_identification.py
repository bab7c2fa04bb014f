"""What an id names, whole or its beginning, ours or the vendor's, or the value of a key."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import insert

from jobs.queries.identification import (
    AmbiguousId,
    IdKind,
    Named,
    identify,
    whole_id,
    whole_ids,
)
from jobs.storage.database import Database
from jobs.storage.schema import actions, mapping_versions, replays
from tests.support.rows import START, Rows

DELIVERY = "01a208ed-a576-7180-aebe-4984590b148d"
EVENT = "01a208ed-a5a6-772c-b247-2d34e8371928"
VERSION = "fa85" * 16


async def fill(database: Database, rows: Rows) -> None:
    await rows.delivery(id=DELIVERY, source="desk", dedupe_key="id:msg_6", vendor_id="msg_6")
    await rows.charge(
        id=EVENT,
        delivery_id=DELIVERY,
        source="desk",
    )
    await rows.outcome(
        DELIVERY, outcome_key='["desk","ticket-resolved","4715"]', rule="resolved", source="desk"
    )
    await rows.outcome(DELIVERY, outcome_key='["deals","","4715"]', rule="won", source="crm")
    body = hashlib.sha256(b"{}").hexdigest()
    await rows.delivery(id="d2", source="crm", dedupe_key=f"id+body:msg_6:{body}")
    await rows.delivery(id="d3", source="crm", dedupe_key="id:msg_60")
    long = "sha256:" + hashlib.sha256(b"x" * 300).hexdigest()
    await rows.delivery(id="d4", source="crm", dedupe_key=f"id:{long}")
    async with database.write() as connection:
        await connection.execute(
            insert(actions).values(
                id="a1", kind="reverse", actor="kim", at=START, filter={}, count=1, detail={}
            )
        )
        await connection.execute(
            insert(replays).values(id="r1", state="done", filter={}, matched=0, created_at=START)
        )
        await connection.execute(
            insert(mapping_versions).values(
                version=VERSION,
                kind="mapping",
                name="desk.yaml",
                text="source: desk",
                parts={},
                first_used_at=START,
            )
        )


KEY = Named(IdKind.KEY, '["desk","ticket-resolved","4715"]')


NAMES: dict[str, list[Named]] = {
    DELIVERY: [Named(IdKind.DELIVERY, DELIVERY)],  # delivery
    EVENT: [Named(IdKind.BILLING_EVENT, EVENT)],  # billing-event
    "o2": [Named(IdKind.OUTCOME, "o2")],  # outcome
    "a1": [Named(IdKind.ACTION, "a1")],  # action
    "r1": [Named(IdKind.REPLAY, "r1")],  # replay
    VERSION: [Named(IdKind.VERSION, VERSION)],  # version
    '["desk","ticket-resolved","4715"]': [KEY],  # key
    ' ["desk", "ticket-resolved", "4715"] ': [KEY],  # key-spaced
    "4715": [Named(IdKind.KEY, '["deals","","4715"]'), KEY],  # keys-value
    "msg_6": [
        Named(IdKind.DELIVERY, DELIVERY),
        Named(IdKind.DELIVERY, "d2"),
    ],  # vendor-id-signed-and-not
    "x" * 300: [Named(IdKind.DELIVERY, "d4")],  # vendor-id-long
    DELIVERY[:18]: [Named(IdKind.DELIVERY, DELIVERY)],  # beginning
    DELIVERY[:8]: [
        Named(IdKind.DELIVERY, DELIVERY),
        Named(IdKind.BILLING_EVENT, EVENT),
    ],  # beginning-of-several
    VERSION[:12]: [Named(IdKind.VERSION, VERSION)],  # beginning-of-a-version
    DELIVERY[:3]: [],  # too-short
    "msg_7": [],  # unknown
    "47": [],  # part-of-a-value
    "a\0b": [],  # nul
    "": [],  # empty
    "[" * 100_000: [],  # deep
    '["a", 1]': [],  # no-key
}


async def test_an_id_names_what_has_it(database: Database, rows: Rows) -> None:
    await fill(database, rows)
    starts = [("deals", ""), ("desk", "ticket-resolved")]
    assert {text: await identify(database, text, starts) for text in NAMES} == NAMES


async def test_the_start_of_one_id_alone_stands_for_it(database: Database, rows: Rows) -> None:
    await fill(database, rows)
    of_deliveries = await whole_ids(database, [DELIVERY[:4], DELIVERY, "d2"], {IdKind.DELIVERY})
    assert of_deliveries == [DELIVERY, DELIVERY, "d2"]
    assert await whole_id(database, EVENT[:18], {IdKind.BILLING_EVENT}) == EVENT
    for unknown in ("ffffffff", DELIVERY[:3], '["desk"', "a\0b", ""):
        assert await whole_id(database, unknown, set(IdKind)) == unknown


async def test_the_start_of_several_ids_names_them(database: Database, rows: Rows) -> None:
    await fill(database, rows)
    with pytest.raises(AmbiguousId) as refused:
        await whole_id(database, DELIVERY[:8], {IdKind.DELIVERY, IdKind.BILLING_EVENT})
    assert f"delivery {DELIVERY}, billing event {EVENT}; write more" in str(refused.value)
