"""Stories of the library: whatever order their deliveries arrive in, the same is owed."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from mappings.engine.loading.load import load
from receiver.signatures import RULES
from tests.mappings.library.stories import FILES, STORIES, example, outcomes_of, owed


@pytest.mark.parametrize(("source", "bodies", "charges"), STORIES.values(), ids=STORIES.keys())
def test_a_story_ends_in_what_is_owed_in_whatever_order_it_arrives(
    source: str, bodies: list[Any], charges: int
) -> None:
    for order in permutations(bodies):
        assert owed([outcome for body in order for outcome in outcomes_of(source, body)]) == charges


def test_a_gitlab_that_is_not_on_utc_is_read() -> None:
    body = example("gitlab-approved")
    body["object_attributes"]["actioned_at"] = "2026-09-21 16:13:15 +0200"
    (outcome,) = outcomes_of("gitlab", body)
    assert outcome.occurred_at == datetime(2026, 9, 21, 14, 13, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("currency", "counted", "share"),
    [
        *(("eur", 48_000, "12.00"), ("jpy", 48_000, "1200"), ("kwd", 480_000, "12.000")),
        *(("isk", 4_800_000, "1200"), ("ugx", 4_800_000, "1200"), ("mga", 48_000, "1200.00")),
    ],
)
def test_stripe_counts_some_currencies_in_other_units_than_iso_4217(
    currency: str, counted: int, share: str
) -> None:
    in_euros = b'- {percent: "2.5", currency: EUR'
    prices = [
        b'- {percent: "2.5", currency: %s, round: minor}' % unpriced
        for unpriced in (b"KWD", b"ISK", b"UGX", b"MGA")
    ]
    files = {name: text for name, text in FILES.items() if "stripe" in name}
    agents = FILES["agents.yaml"].replace(in_euros, b"\n        ".join([*prices, in_euros]))
    mappings = load({**files, "agents.yaml": agents}, timezone="UTC", schemes=RULES)
    body = example("stripe-paid")
    body["data"]["object"] |= {"amount_total": counted, "currency": currency}
    (outcome,) = outcomes_of("stripe", body, mappings)
    assert (outcome.amount_micros, outcome.currency) == (
        int(Decimal(share) * 1_000_000),
        currency.upper(),
    )


@pytest.mark.parametrize(
    ("currency", "counted"),
    [("CLP", 48_000), ("ISK", 48_000), ("CVE", 480), ("IDR", 480), ("KWD", 480_000), ("JPY", 480)],
)
def test_adyen_counts_some_currencies_in_other_units_than_iso_4217(
    currency: str, counted: int
) -> None:
    in_euros = b'- {percent: "2.5", currency: EUR, min: "1.00", max: "500.00", round: minor}'
    price = b'- {percent: "2.5", currency: %s}' % currency.encode()
    files = {name: text for name, text in FILES.items() if "adyen" in name}
    others = b'- {percent: "2.5", currency: JPY'
    agents = FILES["agents.yaml"].replace(in_euros, in_euros + b"\n        " + price)
    agents = b"\n".join(line for line in agents.split(b"\n") if others + b"," not in line)
    body = example("adyen-authorised")
    item = body["notificationItems"][0]["NotificationRequestItem"]
    item["amount"] = {"value": counted, "currency": currency}
    mappings = load({**files, "agents.yaml": agents}, timezone="UTC", schemes=RULES)
    (outcome,) = outcomes_of("adyen", body, mappings)
    assert (outcome.amount_micros, outcome.currency) == (12_000_000, currency)
