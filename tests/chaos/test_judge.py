"""A comparison that cannot fail proves nothing: each planted fault must be found, and named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from tests.chaos.books import Books, Row
from tests.chaos.judge import Findings, judge, judge_status
from tests.chaos.messages import Message, messages
from tests.chaos.record import Record
from tests.chaos.stories import CURRENCIES, Step, Stories
from tests.jobs.model import Line, ModelOutcome, owes

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SIGNED_AT = 1_790_000_000


@dataclass
class World:
    """A record, and the books of a service that did everything right."""

    sent: list[Message]
    record: Record
    books: Books
    fixed: bool = False

    def found(self) -> Counter[str]:
        findings = Findings()
        judge(self.record, self.books, findings, fixed=self.fixed)
        return findings.counts

    def first(self, *, source: str = "desk", fate: str = "recorded") -> Message:
        return next(one for one in self.sent if (one.source, one.fate) == (source, fate))

    def row(self, message: Message) -> Row:
        return next(row for row in self.books.rows if row.id == _id(message))

    def change(self, message: Message, **values: object) -> None:
        at = self.books.rows.index(self.row(message))
        self.books.rows[at] = replace(self.books.rows[at], **values)  # type: ignore[arg-type]

    def add_row(self, message: Message, **values: object) -> None:
        self.books.rows.append(replace(self.row(message), **values))  # type: ignore[arg-type]
        self.books.accepted += 1

    def a_charged_key(self) -> str:
        return next(key for key, lines in self.books.ledger.items() if len(lines) == 1)

    def change_line(self, **values: object) -> None:
        key = self.a_charged_key()
        (line,) = self.books.ledger[key]
        self.books.ledger[key] = [replace(line, **values)]  # type: ignore[arg-type]


def _id(message: Message) -> str:
    return f"delivery-{message.number:05}"


@pytest.fixture(params=[False, True], ids=["before fixing", "after fixing"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    fixed: bool = request.param
    sent = list(islice(messages(Stories(7, NOW), 7), 700))
    record = Record(tmp_path / "record.jsonl")
    books = Books()
    steps: dict[str, list[Step]] = defaultdict(list)
    for message in sent:
        record.begins(message)
        record.acknowledges(message.number, _id(message), accepted=True)
        record.acknowledges(message.number, _id(message), accepted=False)
        fate = "recorded" if fixed and message.fate == "failed" else message.fate
        if fate == "recorded":
            for one in message.steps:
                steps[one.key].append(one)
        books.rows.append(_row(record, message, fate))
    for key, said in steps.items():
        if line := _line(key, said):
            books.ledger[key] = [line]
            books.totals[line.currency] += line.micros
    books.accepted = len(sent)
    yield World(sent, record, books, fixed)
    record.close()


def _row(record: Record, message: Message, fate: str) -> Row:
    return Row(
        id=_id(message),
        source=message.source,
        body_sha256=record.sent[message.number].body_sha256,
        signed_at=SIGNED_AT,
        state=fate,
        reason="unmapped" if fate == "failed" else None,
        duplicates=1,
        outcomes=len(message.steps) if fate == "recorded" else 0,
    )


def _line(key: str, said: list[Step]) -> Line | None:
    owed = owes([one.said for one in said])
    if owed is None:
        return None
    assert owed.micros is not None
    currency = CURRENCIES[said[0].line]
    name = f"line of {key}"
    return Line(name, 1, "charge", None, owed.micros, currency, owed.billed_as, owed.at)


def test_a_service_without_a_fault_passes(world: World) -> None:
    assert world.found() == {}
    assert {message.fate for message in world.sent} == {"recorded", "ignored", "failed"}
    assert len(world.books.ledger) > 100


def _lose_a_row(world: World) -> None:
    world.books.rows.remove(world.row(world.first()))


def _lose_a_row_and_its_count(world: World) -> None:
    _lose_a_row(world)
    world.books.accepted -= 1


def _lose_a_posting(world: World) -> None:
    del world.books.ledger[world.a_charged_key()]


def _post_twice(world: World) -> None:
    key = world.a_charged_key()
    (line,) = world.books.ledger[key]
    world.books.ledger[key].append(replace(line, id="another", sequence=2))


def _post_for_unknown(world: World) -> None:
    (line,) = world.books.ledger[world.a_charged_key()]
    world.books.ledger['["desk","solved","unknown"]'] = [line]


def _post_on_another_day(world: World) -> None:
    lines = world.books.ledger
    key, line = next((key, line) for key, (line,) in lines.items() if line.at is not None)
    world.books.ledger[key] = [replace(line, at=0)]


def _leave_out_a_reversal(world: World) -> None:
    steps = defaultdict(list)
    for message in world.sent:
        for one in message.steps if message.fate == "recorded" else ():
            steps[one.key].append(one)
    key, said = next((key, said) for key, said in steps.items() if _line(key, said) is None)
    line = Line("x", 1, "charge", None, 990_000, CURRENCIES[said[0].line], said[0].customer)
    world.books.ledger[key] = [line]


def _reverse(world: World) -> str:
    """An operator reverses a charge, after all that vendors sent; its key."""
    key, at = world.a_charged_key(), NOW.timestamp() + 10**9
    world.books.by_hand[key] = [ModelOutcome("reversal", at, by_hand=True)]
    return key


def _take_back(world: World) -> None:
    """What an operator reverses is reversed in the ledger."""
    key = _reverse(world)
    (line,) = world.books.ledger[key]
    back = replace(line, id="b", sequence=2, kind="reversal", reverses=line.id, micros=-line.micros)
    world.books.ledger[key] = [line, back]
    world.books.totals[line.currency] -= line.micros


def _lose_what_was_reinstated(world: World) -> None:
    _take_back(world)
    (key,) = world.books.by_hand
    (reversal,) = world.books.by_hand[key]
    world.books.by_hand[key].append(replace(reversal, kind="reinstatement"))


def _rebill(world: World) -> None:
    key = world.a_charged_key()
    (line,) = world.books.ledger[key]
    world.books.by_hand[key] = [
        ModelOutcome("charge", None, line.micros, line.billed_as, by_hand=True)
    ]


def _take_back_another_amount(world: World) -> None:
    key = world.a_charged_key()
    (line,) = world.books.ledger[key]
    back = replace(line, id="back", sequence=2, kind="reversal", reverses=line.id, micros=-1)
    world.books.ledger[key] = [line, back]


def _answer_with_two_ids(world: World) -> None:
    world.add_row(world.first(), id="another")
    world.record.acknowledges(world.first().number, "another", accepted=False)


def _accept_twice(world: World) -> None:
    world.record.acknowledges(world.first().number, _id(world.first()), accepted=True)


def _keep_a_try_twice(world: World) -> None:
    message = world.first(source="calendar")
    world.record.goes_unanswered(message.number, SIGNED_AT, "ReadError")
    world.add_row(message, id="another", duplicates=0)


def _keep_what_belongs_to_no_try(world: World) -> None:
    world.add_row(world.first(source="calendar"), id="another", signed_at=SIGNED_AT + 9)


def _never_acknowledge(world: World) -> None:
    world.record.sent[world.first().number].answers.clear()


PLANTED: dict[str, tuple[Callable[[World], object], set[str]]] = {
    "a lost delivery": (_lose_a_row, {"lost", "unbalanced"}),
    "a delivery lost with its count": (_lose_a_row_and_its_count, {"lost"}),
    "a missing posting": (_lose_a_posting, {"lost"}),
    "a missing outcome": (lambda w: w.change(w.first(), outcomes=0), {"lost"}),
    "a changed body": (lambda w: w.change(w.first(), body_sha256="0" * 64), {"lost"}),
    "a body of another source": (lambda w: w.change(w.first(), source="crm"), {"lost"}),
    "a doubled posting": (_post_twice, {"doubled"}),
    "a doubled outcome": (lambda w: w.change(w.first(), outcomes=2), {"doubled"}),
    "a message under two ids": (_answer_with_two_ids, {"doubled"}),
    "a copy that no one heard of": (lambda w: w.add_row(w.first(), id="another"), {"doubled"}),
    "a delivery accepted twice": (_accept_twice, {"doubled"}),
    "a try kept twice": (_keep_a_try_twice, {"doubled"}),
    "a posting for no customer": (_post_for_unknown, {"wrong amount"}),
    "another day": (_post_on_another_day, {"wrong amount"}),
    "a reversal left out": (_leave_out_a_reversal, {"wrong amount"}),
    "a wrong amount": (lambda w: w.change_line(micros=1), {"wrong amount"}),
    "a wrong currency": (lambda w: w.change_line(currency="GBP"), {"wrong amount"}),
    "a wrong customer": (lambda w: w.change_line(billed_as="unknown"), {"wrong amount"}),
    "a reversal by hand left out": (_reverse, {"wrong amount"}),
    "a reinstatement left out": (_lose_what_was_reinstated, {"lost"}),
    "a rebill that changed something": (_rebill, {"wrong amount"}),
    "another amount taken back": (_take_back_another_amount, {"unbalanced"}),
    "a wrong number in a key": (lambda w: w.change_line(sequence=3), {"unbalanced"}),
    "a wrong sum": (lambda w: w.books.totals.update(USD=1), {"unbalanced"}),
    "a wrong count at intake": (lambda w: setattr(w.books, "accepted", 1), {"unbalanced"}),
    "a repeat not counted": (lambda w: w.change(w.first(), duplicates=0), {"unbalanced"}),
    "a delivery of no try": (_keep_what_belongs_to_no_try, {"unbalanced"}),
    "one still on its way": (lambda w: w.change(w.first(), state="received"), {"unsettled"}),
    "one ignored": (lambda w: w.change(w.first(), state="ignored"), {"astray"}),
    "noise that failed": (lambda w: w.change(w.first(fate="ignored"), state="failed"), {"astray"}),
    "one never acknowledged": (_never_acknowledge, {"unacknowledged"}),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(world: World, name: str) -> None:
    plant, kinds = PLANTED[name]
    plant(world)
    assert kinds <= world.found().keys(), world.found()


def test_a_delivery_kept_whose_answer_was_lost_is_no_fault(world: World) -> None:
    message = world.first(source="calendar")
    world.record.goes_unanswered(message.number, SIGNED_AT + 9, "ReadError")
    world.add_row(message, id="another", signed_at=SIGNED_AT + 9, duplicates=0)
    assert world.found() == {}


def test_what_an_operator_reversed_is_owed_no_more(world: World) -> None:
    _take_back(world)
    assert world.found() == {}


def test_what_was_given_up_after_five_kills_bills_nothing_and_must_be_fixed(world: World) -> None:
    times_stated = Counter(one.key for message in world.sent for one in message.steps)
    message = next(
        message
        for message in world.sent
        if message.fate == "recorded" and [times_stated[one.key] for one in message.steps] == [1]
    )
    world.change(message, state="failed", reason="internal", outcomes=0)
    (line,) = world.books.ledger.pop(message.steps[0].key, [None])
    if line is not None:
        world.books.totals[line.currency] -= line.micros
    findings = Findings()
    judge(world.record, world.books, findings, fixed=world.fixed)
    assert findings.given_up == (0 if world.fixed else 1)
    assert bool(findings) == world.fixed


@pytest.mark.parametrize("wrong", ["accepted", "recorded", "failed"])
def test_a_status_that_says_otherwise_is_found(world: World, wrong: str) -> None:
    states = Counter(row.state for row in world.books.rows)
    status = {"accepted": len(world.books.rows), "received": 0} | states
    status = {"ignored": 0, "failed": 0} | status
    findings = Findings()
    judge_status(status, world.books, findings)
    assert not findings
    judge_status(status | {wrong: status[wrong] + 1}, world.books, findings)
    assert findings.counts == {"unbalanced": 1}
