"""What a delivery billed is not what it recorded."""

from __future__ import annotations

import pytest

from jobs.queries.deliveries.billed import amounts, in_words, read_billed, total
from jobs.storage.database import Database
from tests.support.rows import Rows


async def test_amounts_are_those_that_the_delivery_posted(database: Database, rows: Rows) -> None:
    both = await rows.delivery()
    await rows.charge(delivery_id=both, micros=400_000_000)
    await rows.charge(delivery_id=both, micros=12_500_000, currency="EUR")
    other = await rows.delivery()
    charge = await rows.charge(delivery_id=other)
    back = await rows.delivery()
    await rows.reversal(charge, delivery_id=back)
    found = await read_billed(database, [both, other, back])
    shown = {one: in_words(billed, state="recorded", reason=None) for one, billed in found.items()}
    assert shown == {both: "12.50 EUR, 400.00 USD", other: "0.99 USD", back: "-0.99 USD"}
    assert amounts(total(found.values())) == "12.50 EUR, 400.00 USD"


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [
        ("duplicate", "already billed"),
        ("waiting", "waits for its charge"),
        ("superseded", "superseded"),
    ],
)
async def test_a_recorded_delivery_may_have_billed_nothing(
    database: Database, rows: Rows, verdict: str, shown: str
) -> None:
    delivery = await rows.delivery()
    await rows.outcome(delivery, verdict=verdict)
    found = await read_billed(database, [delivery])
    assert in_words(found[delivery], state="recorded", reason=None) == shown


@pytest.mark.parametrize(
    ("state", "reason", "shown"),
    [
        ("ignored", "shadow", "shadow"),
        ("ignored", "no-outcome", "ignored"),
        ("failed", "mapping", "nothing yet"),
        ("received", None, "nothing yet"),
        ("discarded", "mapping", "discarded"),
    ],
)
async def test_other_states_say_why(
    database: Database, rows: Rows, state: str, reason: str | None, shown: str
) -> None:
    delivery = await rows.delivery(state, reason=reason)
    found = await read_billed(database, [delivery])
    assert in_words(found[delivery], state=state, reason=reason) == shown
