"""The list of exceptions, on both databases: what stands in it, since when, and what ends it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from jobs.audits import exceptions as rounds
from jobs.audits.auditor import Auditor
from jobs.audits.exceptions import look_for_exceptions
from jobs.common.errors import FilterInvalid
from jobs.exceptions import register
from jobs.exceptions.detection import OF_KEYS
from jobs.exceptions.register import ROUND, dismiss
from jobs.queries.exceptions import listing as query
from jobs.queries.exceptions.examples import AmountDiffers, LookalikeCustomer, WaitingReversal
from jobs.queries.exceptions.listing import count_exceptions, read_exceptions
from jobs.storage.schema import REPEATED, actions, audits, exceptions
from mappings.engine.loading.load import MappingSet, load
from receiver.signatures import RULES
from tests.jobs.builders import at
from tests.jobs.desk import Desk
from tests.jobs.doubles import FakeMappings, bill, restore, undo
from tests.jobs.workshop import Workshop
from tests.support.texts import AGENTS, FILES

MAPPINGS = load(FILES, timezone="UTC", schemes=RULES)


def key(value: str, rule: str = "resolved") -> str:
    return json.dumps(["crm", rule, value], separators=(",", ":"))


@dataclass
class Books:
    """A desk, and what the list has of what was settled there."""

    desk: Desk

    async def items(self, mappings: MappingSet = MAPPINGS) -> dict[str, Any]:
        found = await read_exceptions(self.desk.workshop.database, mappings)
        return {one.kind: one for one in found}

    async def counts(self) -> dict[str, int]:
        tallies = await count_exceptions(self.desk.workshop.database, MAPPINGS)
        return {one.kind: one.count for one in tallies if one.count}

    async def round(self) -> None:
        """The background's, now."""
        database = self.desk.workshop.database
        async with database.write() as connection:
            await connection.execute(update(audits).values(next_at=database.now(plus_seconds=-1)))
        await Auditor(database, {ROUND: look_for_exceptions}).run_due()


@pytest.fixture
async def books(workshop: Workshop) -> Books:
    fake = FakeMappings()
    return Books(Desk(workshop, fake, await workshop.settler(fake)))


async def test_a_reversal_under_another_case_names_the_charge_that_it_misses(books: Books) -> None:
    await books.desk.settle(bill(key("Deal-A"), at=at(1), micros=100_000_000))
    (delivery,) = await books.desk.settle(undo(key("deal-a"), at=at(2)))
    line = await books.desk.open_line(key("Deal-A"))
    item = (await books.items())["waiting-reversal"]
    assert (item.count, item.first_at, item.last_at) == (1, item.last_at, item.first_at)
    assert "1 outcome key has a reversal and no charge" in item.detail
    assert "0 for longer than an hour" in item.detail
    (example,) = item.examples
    assert isinstance(example, WaitingReversal)
    assert (example.outcome_key, example.delivery) == (key("deal-a"), delivery)
    assert (example.nearest_key, example.billing_event) == (key("Deal-A"), line.id)
    assert item.commands == (f"receiver reverse {line.id} --note 'reversed by {delivery}'",)
    assert item.remediation


@pytest.mark.parametrize(
    ("charge", "reversal"),
    [
        pytest.param(key("Deal A"), key("deal_a"), id="separators"),
        pytest.param(key("0017"), key("17"), id="leading-zeros"),
    ],
)
async def test_a_key_that_looks_alike_is_named(books: Books, charge: str, reversal: str) -> None:
    await books.desk.settle(bill(charge, at=at(1)), undo(reversal, at=at(2)))
    (example,) = (await books.items())["waiting-reversal"].examples
    assert example.nearest_key == charge


async def test_another_ticket_or_rule_is_never_suggested(books: Books) -> None:
    await books.desk.settle(bill(key("4711"), at=at(1)), bill(key("4712", "won"), at=at(1)))
    (delivery,) = await books.desk.settle(undo(key("4712"), at=at(2)))
    item = (await books.items())["waiting-reversal"]
    assert item.examples[0].nearest_key is None
    assert item.commands == (f"receiver show {delivery}",)


async def test_a_reversal_ahead_of_its_charge_is_one_until_the_charge_comes(books: Books) -> None:
    await books.desk.settle(undo(key("A"), at=at(2)))
    assert await books.counts() == {"waiting-reversal": 1}
    await books.round()
    assert await books.counts() == {"waiting-reversal": 1}
    await books.desk.settle(bill(key("A"), at=at(1)))
    assert await books.counts() == {}
    await books.round()
    assert await books.counts() == {}
    assert await books.desk.workshop.count(exceptions) == 0


async def test_a_reversal_that_waits_for_an_hour_is_overdue(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    await books.desk.settle(undo(key("A"), at=at(2)), undo(key("B"), at=at(2)))
    monkeypatch.setattr(query, "OVERDUE", timedelta(seconds=-5))
    (tally,) = [
        one
        for one in await count_exceptions(books.desk.workshop.database, MAPPINGS)
        if one.kind == "waiting-reversal"
    ]
    assert (tally.count, tally.overdue) == (2, 2)
    await books.round()
    assert "2 for longer than an hour" in (await books.items())["waiting-reversal"].detail


@pytest.mark.parametrize("times", [(1, 1), (1, 2), (2, 1), (None, None)])
async def test_another_amount_stands_in_the_list_with_both_in_any_order(
    books: Books, times: tuple[int | None, int | None]
) -> None:
    first, second = (at(seconds) for seconds in times)
    await books.desk.settle(bill(key("A"), at=first, micros=0))
    (later,) = await books.desk.settle(bill(key("A"), at=second, micros=2_500_000_000))
    line = await books.desk.open_line(key("A"))
    (example,) = (await books.items())["amount-differs"].examples
    assert isinstance(example, AmountDiffers)
    amounts = {example.billed.amount, example.reported.amount}
    assert amounts == {"0.00", "2500.00"}
    assert example.billing_event == line.id
    assert example.billed.amount == ("2500.00" if times == (2, 1) else "0.00")
    if times != (2, 1):
        assert example.delivery == later
    assert example.command == (
        f"receiver reverse {line.id} --rebill --from {example.delivery}"
        " --note 'amount corrected by the vendor'"
    )


async def test_copies_with_the_same_amount_are_none(books: Books) -> None:
    await books.desk.settle(*(bill(key("A"), at=at(second)) for second in (1, 1, 2)))
    assert await books.counts() == {}


async def test_what_a_reversal_closed_is_none_and_what_opens_again_is_judged_by_itself(
    books: Books,
) -> None:
    await books.desk.settle(bill(key("A"), at=at(1)), bill(key("A"), at=at(2), micros=5))
    assert await books.counts() == {"amount-differs": 1}
    await books.desk.settle(undo(key("A"), at=at(3)))
    assert await books.counts() == {}
    await books.desk.settle(bill(key("A"), at=at(4), micros=7))
    await books.round()
    assert await books.counts() == {}


async def test_another_amount_beside_what_was_brought_back_is_one(books: Books) -> None:
    await books.desk.settle(
        bill(key("A"), at=at(1)), undo(key("A"), at=at(2)), restore(key("A"), at=at(3))
    )
    assert await books.counts() == {}
    await books.desk.settle(bill(key("A"), at=at(4), micros=5))
    assert await books.counts() == {"amount-differs": 1}


async def test_under_latest_the_amount_recorded_last_is_what_was_asked_for(books: Books) -> None:
    for second, micros in ((1, 0), (3, 7), (2, 5)):
        await books.desk.settle(bill(key("A"), at=at(second), micros=micros, amount="latest"))
    assert await books.counts() == {}


async def test_a_correction_by_hand_ends_it(books: Books) -> None:
    (first,) = await books.desk.settle(bill(key("A"), at=at(1)))
    await books.desk.settle(bill(key("A"), at=at(1), micros=5_000_000))
    await books.round()
    assert await books.counts() == {"amount-differs": 1}
    books.desk.fake.micros = 5_000_000
    await books.desk.rebill(first)
    assert await books.counts() == {}
    await books.round()
    assert await books.desk.workshop.count(exceptions) == 0


async def test_a_key_rebilled_at_another_price_is_not_held_against_its_old_copies(
    books: Books,
) -> None:
    (first, _) = await books.desk.settle(bill(key("A"), at=at(1)), bill(key("A"), at=at(2)))
    books.desk.fake.micros = 123
    await books.desk.rebill(first)
    assert await books.counts() == {}


async def test_rounds_find_the_same_as_a_look_at_everything(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await books.desk.settle(undo(key(f"w{number}"), at=at(1)))
        await books.desk.settle(bill(key(f"d{number}"), at=at(1)))
        await books.desk.settle(bill(key(f"d{number}"), at=at(1), micros=7))
    monkeypatch.setattr(rounds, "PAGE", 2)
    expected = {"waiting-reversal": 5, "amount-differs": 5}
    assert await books.counts() == expected
    await books.round()
    assert await books.desk.workshop.count(exceptions) == 10
    assert await books.counts() == expected
    monkeypatch.setattr(query, "MOST_LIVE", 2)
    item = (await books.items())["waiting-reversal"]
    assert (item.count, len(item.examples)) == (5, 5)
    assert "; as of 20" in item.detail
    # Where nothing was recorded since, the table alone is asked.
    monkeypatch.setattr(register, "OVERLAP", -timedelta(hours=1))
    item = (await books.items())["amount-differs"]
    assert (item.count, len(item.examples)) == (5, 5)
    assert "as of" not in item.detail


async def test_a_round_goes_on_where_the_last_one_ended(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        await books.desk.settle(undo(key(f"w{number}"), at=at(1)))
    monkeypatch.setattr(rounds, "PAGE", 1)
    monkeypatch.setattr(register, "OVERLAP", timedelta())
    monkeypatch.setattr(rounds, "ROUND_SECONDS", 0.0)
    database = books.desk.workshop.database
    result = await look_for_exceptions(database, {})
    assert await books.desk.workshop.count(exceptions) == 0
    monkeypatch.setattr(rounds, "ROUND_SECONDS", 10.0)
    await look_for_exceptions(database, result.progress)
    assert await books.desk.workshop.count(exceptions) == 4


async def test_what_a_person_dismissed_stays_away_until_something_else_is_recorded(
    books: Books,
) -> None:
    database = books.desk.workshop.database
    await books.desk.settle(undo(key("A"), at=at(2)), bill(key("B"), at=at(1)))
    await books.desk.settle(bill(key("B"), at=at(1), micros=7))
    with pytest.raises(FilterInvalid, match=r"no exception of .* stands"):
        await dismiss(database, [key("A"), key("B")], actor="k", note="n", kinds=OF_KEYS[:1])
    assert await books.counts() == {"waiting-reversal": 1, "amount-differs": 1}
    done = await dismiss(database, [key("A"), key("B")], actor="kim", note="no", kinds=OF_KEYS)
    assert done == 2
    assert await books.counts() == {}
    await books.round()
    assert await books.counts() == {}
    await books.desk.settle(bill(key("B"), at=at(1), micros=7))
    assert await books.counts() == {}
    await books.desk.settle(bill(key("B"), at=at(1), micros=8))
    assert await books.counts() == {"amount-differs": 1}
    [action] = await books.desk.workshop.all(select(actions))
    assert (action.kind, action.actor, action.count, action.note) == ("dismiss", "kim", 2, "no")
    assert action.filter == {"outcome_keys": [key("A"), key("B")]}


async def test_customers_that_look_alike_are_one_group_until_one_is_billed_for_nothing(
    books: Books,
) -> None:
    await books.desk.settle(
        bill(key("1"), at=at(1), customer="acme-corp"),
        bill(key("2"), at=at(2), customer="Acme_Corp"),
        bill(key("3"), at=at(3), customer="globex"),
    )
    item = (await books.items())["lookalike-customer"]
    (example,) = item.examples
    assert isinstance(example, LookalikeCustomer)
    assert (item.count, example.customers) == (1, ("acme-corp", "Acme_Corp"))
    assert item.commands == ("receiver events --customer Acme_Corp",)
    await books.round()
    await books.desk.settle(bill(key("4"), at=at(4), customer="ACME CORP"))
    (example,) = (await books.items())["lookalike-customer"].examples
    assert example.customers == ("acme-corp", "Acme_Corp", "ACME CORP")
    await books.desk.settle(undo(key("2"), at=at(5)), undo(key("4"), at=at(5)))
    assert await books.counts() == {}


OWN_PRICES = AGENTS.replace(
    b"""    indicators:
      ticket-resolved: {price: "0.99", currency: USD}
""",
    b"""    indicators:
      ticket-resolved: {price: "0.99", currency: USD}
    customers:
      acme: {ticket-resolved: {price: "0.80", currency: USD}}
      acme-inc: {ticket-resolved: {price: "0.80", currency: USD}}
      globex: {ticket-resolvd: {price: "0.70", currency: USD}}
""",
)


async def test_prices_that_nothing_uses_are_named_with_the_nearest(books: Books) -> None:
    own = load({**FILES, "agents.yaml": OWN_PRICES}, timezone="UTC", schemes=RULES)
    assert not own.problems
    await books.desk.settle(
        bill(key("1"), at=at(1)),
        bill(key("2"), at=at(1), customer="globex"),
        bill(key("3"), at=at(1), customer="acme-inc."),
    )
    item = (await books.items(own))["unused-price"]
    assert (item.count, item.first_at) == (2, None)
    assert [(one.customer, one.indicator, one.nearest) for one in item.examples] == [
        ("acme-inc", "ticket-resolved", "acme-inc."),
        ("globex", "ticket-resolvd", "ticket-resolved"),
    ]
    assert await books.items() == {}


async def test_repeated_outcomes_are_found_by_their_index(books: Books) -> None:
    database = books.desk.workshop.database
    wanted = f"SELECT outcome_key FROM outcomes WHERE ({REPEATED})"  # noqa: S608 - our own words
    wanted += " ORDER BY recorded_at, id LIMIT 9"
    async with database.read() as connection:
        if database.is_sqlite:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {wanted}")
        else:  # a table of a few rows is read whole
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            await connection.exec_driver_sql("SET LOCAL enable_sort = off")
            plan = await connection.exec_driver_sql(f"EXPLAIN {wanted}")
        assert "ix_outcomes_told_again" in str(plan.all())
