"""One billing event and one outcome key, with what led to them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert

from jobs.queries.ledger.story import read_billing_event, read_outcome_key, read_version
from jobs.storage.database import Database
from jobs.storage.schema import actions, mapping_versions
from tests.support.rows import START, Rows


async def taken_back(database: Database, rows: Rows) -> str:
    """A charge, a duplicate of it, and its reversal by hand; the charge's id."""
    async with database.write() as connection:
        for version, kind in (("m1", "mapping"), ("p1", "catalogue")):
            await connection.execute(
                insert(mapping_versions).values(
                    version=version,
                    kind=kind,
                    name=f"{kind}.yaml",
                    text=f"the {kind}",
                    parts={},
                    first_used_at=START,
                )
            )
        await connection.execute(
            insert(actions).values(
                id="a1", kind="reverse", actor="kim", at=START, filter={}, count=1,
                note="test ticket", detail={},
            )
        )  # fmt: skip
    delivery = await rows.delivery(vendor_id="evt_1", duplicates=2)
    charge = await rows.charge(delivery_id=delivery, mapping_version="m1", price_version="p1")
    key = '["zendesk","solved","1"]'
    again = await rows.delivery()
    await rows.outcome(again, outcome_key=key, ordinal=2, verdict="duplicate")
    by_hand = await rows.outcome(
        None, outcome_key=key, ordinal=3, verdict="reversed", kind="reversal", action_id="a1"
    )
    await rows.reversal(
        charge,
        START + timedelta(days=1),
        outcome_key=key,
        outcome_id=by_hand,
    )
    return charge


async def test_a_billing_event_tells_its_whole_story(database: Database, rows: Rows) -> None:
    charge = await taken_back(database, rows)
    found = await read_billing_event(database, charge)
    assert found is not None
    assert (found.id, found.kind, found.reversed_by) == (charge, "charge", "b2")
    assert found.delivery is not None
    assert (found.delivery.id, found.delivery.vendor_id, found.delivery.duplicates) == (
        "d1",
        "evt_1",
        2,
    )
    assert found.delivery.body_sha256 == "0" * 64
    assert [(one.version, one.name) for one in found.versions] == [
        ("m1", "mapping.yaml"),
        ("p1", "catalogue.yaml"),
    ]
    assert [(one.verdict, one.delivery_id) for one in found.outcomes] == [
        ("charged", "d1"),
        ("duplicate", "d2"),
        ("reversed", None),
    ]
    assert [one.id for one in found.billing_events] == [charge, "b2"]
    assert [(one.actor, one.note) for one in found.actions] == [("kim", "test ticket")]


async def test_a_key_says_which_charge_stands(database: Database, rows: Rows) -> None:
    standing = await rows.charge()
    found = await read_outcome_key(database, '["zendesk","solved","1"]')
    assert found is not None
    assert (found.open_charge, found.outcomes_count) == (standing, 1)
    await rows.reversal(standing, outcome_key='["zendesk","solved","1"]')
    found = await read_outcome_key(database, '["zendesk","solved","1"]')
    assert found is not None
    assert found.open_charge is None


async def test_a_version_comes_with_its_text(database: Database, rows: Rows) -> None:
    await taken_back(database, rows)
    found = await read_version(database, "m1")
    assert found is not None
    assert (found.kind, found.text) == ("mapping", "the mapping")


async def test_what_is_unknown_is_none(database: Database, rows: Rows) -> None:
    await rows.charge()
    assert await read_billing_event(database, "b2") is None
    assert await read_outcome_key(database, '["zendesk","solved","2"]') is None
    assert await read_version(database, "m1") is None
