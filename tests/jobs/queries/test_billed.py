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
    said = {one: in_words(billed, state="recorded", reason=None) for one, billed in found.items()}
    assert said == {both: "12.50 EUR, 400.00 USD", other: "0.99 USD", back: "-0.99 USD"}
    assert amounts(total(found.values())) == "12.50 EUR, 400.00 USD"


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("duplicate", "already billed"),
        ("waiting", "waits for its charge"),
        ("superseded", "superseded"),
    ],
)
async def test_a_recorded_delivery_may_have_billed_nothing(
    database: Database, rows: Rows, verdict: str, said: str
) -> None:
    delivery = await rows.delivery()
    await rows.outcome(delivery, verdict=verdict)
    found = await read_billed(database, [delivery])
    assert in_words(found[delivery], state="recorded", reason=None) == said


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("ignored", "shadow", "shadow"),
        ("ignored", "no-outcome", "ignored"),
        ("failed", "mapping", "nothing yet"),
        ("received", None, "nothing yet"),
        ("discarded", "mapping", "discarded"),
    ],
)
async def test_other_states_say_why(
    database: Database, rows: Rows, state: str, reason: str | None, said: str
) -> None:
    delivery = await rows.delivery(state, reason=reason)
    found = await read_billed(database, [delivery])
    assert in_words(found[delivery], state=state, reason=reason) == said
