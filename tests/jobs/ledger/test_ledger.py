from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.ledger.owing import Verdict
from tests.jobs import model
from tests.jobs.builders import book_of, lines, record
from tests.jobs.model import ModelOutcome, charge, latest, reinstatement, reversal

#: What came before, what comes now, its verdict, and the amounts it posts, in order.
VERDICTS: dict[str, tuple[list[ModelOutcome], ModelOutcome, Verdict, list[int]]] = {
    "a first charge is charged": ([], charge(1, 10), Verdict.CHARGED, [10]),
    "the same charge again is a duplicate": (
        [charge(1, 10)],
        charge(1, 10),
        Verdict.DUPLICATE,
        [],
    ),
    "a later charge is a duplicate whatever its price": (
        [charge(1, 10)],
        charge(2, 99),
        Verdict.DUPLICATE,
        [],
    ),
    "a charge of the same time at another price is a duplicate: the first recorded stands": (
        [charge(1, 10)],
        charge(1, 99),
        Verdict.DUPLICATE,
        [],
    ),
    "an earlier charge at another price replaces the later one": (
        [charge(5, 10)],
        charge(3, 8),
        Verdict.CHARGED,
        [-10, 8],
    ),
    "an earlier charge at the same price moves the charge to its day": (
        [charge(5, 10)],
        charge(3, 10),
        Verdict.CHARGED,
        [-10, 10],
    ),
    "a late charge at the time of the open one posts nothing": (
        [charge(3, 10), charge(5, 10)],
        charge(3, 10),
        Verdict.DUPLICATE,
        [],
    ),
    "a reversal takes the charge back": (
        [charge(1, 10)],
        reversal(2),
        Verdict.REVERSED,
        [-10],
    ),
    "a reversal at the charge's own time takes it back": (
        [charge(1, 10)],
        reversal(1),
        Verdict.REVERSED,
        [-10],
    ),
    "a charge at the time of a known reversal posts nothing": (
        [reversal(1)],
        charge(1, 10),
        Verdict.SUPERSEDED,
        [],
    ),
    "a reversal before its charge waits": ([], reversal(2), Verdict.WAITING, []),
    "a charge older than a known reversal posts nothing": (
        [reversal(2)],
        charge(1, 10),
        Verdict.SUPERSEDED,
        [],
    ),
    "a charge after a waiting reversal is charged": (
        [reversal(2)],
        charge(3, 10),
        Verdict.CHARGED,
        [10],
    ),
    "a charge after a reversal opens the key again": (
        [charge(1, 10), reversal(2)],
        charge(3, 12),
        Verdict.CHARGED,
        [12],
    ),
    "a late copy of an old reversal is superseded": (
        [charge(1, 10), reversal(2), charge(3, 12)],
        reversal(2),
        Verdict.SUPERSEDED,
        [],
    ),
    "a copy of the reversal that closed the key is superseded": (
        [charge(1, 10), reversal(2)],
        reversal(2),
        Verdict.SUPERSEDED,
        [],
    ),
    "an old reversal between two charges of one price moves the charge to the later day": (
        [charge(1, 10), charge(5, 10)],
        reversal(3),
        Verdict.REVERSED,
        [-10, 10],
    ),
    "an old reversal between two charges of two prices leaves the later one": (
        [charge(1, 10), charge(5, 12)],
        reversal(3),
        Verdict.REVERSED,
        [-10, 12],
    ),
    "a late first charge of a closed stretch posts nothing": (
        [reversal(2), charge(3, 12)],
        charge(1, 10),
        Verdict.SUPERSEDED,
        [],
    ),
    "a late second charge of a closed stretch is a duplicate": (
        [charge(1, 10), reversal(3)],
        charge(2, 12),
        Verdict.DUPLICATE,
        [],
    ),
    "another customer's charge after a reversal is charged": (
        [charge(1, 10, "acme"), reversal(2)],
        charge(3, 10, "globex"),
        Verdict.CHARGED,
        [10],
    ),
    "an untimed charge is charged": ([], charge(None, 10), Verdict.CHARGED, [10]),
    "an untimed charge again is a duplicate at any price": (
        [charge(None, 10)],
        charge(None, 99),
        Verdict.DUPLICATE,
        [],
    ),
    "an untimed reversal takes an untimed charge back": (
        [charge(None, 10)],
        reversal(None),
        Verdict.REVERSED,
        [-10],
    ),
    "an untimed charge after an untimed reversal posts nothing": (
        [charge(None, 10), reversal(None)],
        charge(None, 10),
        Verdict.DUPLICATE,
        [],
    ),
    "an untimed reversal before its charge waits": ([], reversal(None), Verdict.WAITING, []),
    "an untimed reversal is later than any time": (
        [charge(9, 10)],
        reversal(None),
        Verdict.REVERSED,
        [-10],
    ),
    "a timed charge after an untimed reversal posts nothing": (
        [reversal(None)],
        charge(9, 10),
        Verdict.SUPERSEDED,
        [],
    ),
    "an untimed charge is earlier than any time": (
        [reversal(1)],
        charge(None, 10),
        Verdict.SUPERSEDED,
        [],
    ),
    "by latest, a later charge at another price replaces": (
        [latest(1, 10)],
        latest(2, 99),
        Verdict.CHARGED,
        [-10, 99],
    ),
    "by latest, a charge of the same time at another price replaces: the last received": (
        [latest(1, 10)],
        latest(1, 99),
        Verdict.CHARGED,
        [-10, 99],
    ),
    "by latest, the same charge again is a duplicate": (
        [latest(1, 10)],
        latest(1, 10),
        Verdict.DUPLICATE,
        [],
    ),
    "by latest, an earlier charge that comes late is a duplicate": (
        [latest(5, 10)],
        latest(3, 8),
        Verdict.DUPLICATE,
        [],
    ),
    "by latest, a charge of the same time that was received before is a duplicate": (
        [replace(latest(1, 10), received=9)],
        replace(latest(1, 99), received=8),
        Verdict.DUPLICATE,
        [],
    ),
    "by latest, an untimed charge at another price replaces": (
        [latest(None, 10)],
        latest(None, 99),
        Verdict.CHARGED,
        [-10, 99],
    ),
    "by latest, an untimed charge at the same price keeps its day": (
        [latest(None, 10)],
        latest(None, 10),
        Verdict.DUPLICATE,
        [],
    ),
    "by latest, a charge before a known reversal posts nothing": (
        [latest(1, 10), reversal(3)],
        latest(2, 99),
        Verdict.DUPLICATE,
        [],
    ),
    "a rule edited to latest replaces what it billed by first": (
        [charge(1, 10)],
        latest(1, 99),
        Verdict.CHARGED,
        [-10, 99],
    ),
    "a rule edited to first replaces nothing that it billed by latest": (
        [latest(2, 99)],
        charge(1, 10),
        Verdict.DUPLICATE,
        [],
    ),
    "a reinstatement brings the charge back": (
        [charge(1, 10), reversal(2)],
        reinstatement(3),
        Verdict.CHARGED,
        [10],
    ),
    "a reinstatement at the time of its reversal brings the charge back": (
        [charge(1, 10), reversal(2)],
        reinstatement(2),
        Verdict.CHARGED,
        [10],
    ),
    "a reinstatement of what is owed changes nothing": (
        [charge(1, 10)],
        reinstatement(3),
        Verdict.DUPLICATE,
        [],
    ),
    "a copy of a reinstatement changes nothing": (
        [charge(1, 10), reversal(2), reinstatement(3)],
        reinstatement(3),
        Verdict.DUPLICATE,
        [],
    ),
    "a copy of the reversal before a reinstatement changes nothing": (
        [charge(1, 10), reversal(2), reinstatement(3)],
        reversal(2),
        Verdict.SUPERSEDED,
        [],
    ),
    "a reversal after a reinstatement takes the charge back again": (
        [charge(1, 10), reversal(2), reinstatement(3)],
        reversal(4),
        Verdict.REVERSED,
        [-10],
    ),
    "a reinstatement brings back what the last reversal took, not an older charge": (
        [charge(1, 10), reversal(2), charge(3, 30), reversal(4)],
        reinstatement(5),
        Verdict.CHARGED,
        [30],
    ),
    "a reinstatement behind a reversal that took nothing changes nothing": (
        [charge(1, 10), reversal(2), reversal(3)],
        reinstatement(4),
        Verdict.WAITING,
        [],
    ),
    "a copy of the reversal before a reinstatement is no other reversal": (
        [charge(1, 10), reversal(2), reversal(2)],
        reinstatement(4),
        Verdict.CHARGED,
        [10],
    ),
    "a reversal that took nothing takes back what a reinstatement behind it brought back": (
        [charge(1, 10), reversal(2), reinstatement(4)],
        reversal(3),
        Verdict.REVERSED,
        [-10],
    ),
    "so it does where that was closed and brought back again": (
        [charge(1, 10), reversal(2), reinstatement(4), reversal(5), reinstatement(6)],
        reversal(3),
        Verdict.REVERSED,
        [-10],
    ),
    "a reinstatement before its reversal waits": (
        [],
        reinstatement(3),
        Verdict.WAITING,
        [],
    ),
    "a late reinstatement of a key that was closed again changes nothing": (
        [charge(1, 10), reversal(2), reversal(4)],
        reinstatement(3),
        Verdict.DUPLICATE,
        [],
    ),
    "a charge after its reversal and reinstatement is charged at once": (
        [reversal(2), reinstatement(3)],
        charge(1, 10),
        Verdict.CHARGED,
        [10],
    ),
    "a charge before a reinstatement that came first replaces what that brought back": (
        [charge(1, 10), reversal(2), reinstatement(4)],
        charge(3, 30),
        Verdict.CHARGED,
        [-10, 30],
    ),
    "a charge after a reinstatement is a duplicate": (
        [charge(1, 10), reversal(2), reinstatement(3)],
        charge(4, 30),
        Verdict.DUPLICATE,
        [],
    ),
    "by latest, a charge after a reinstatement replaces": (
        [latest(1, 10), reversal(2), reinstatement(3)],
        latest(4, 30),
        Verdict.CHARGED,
        [-10, 30],
    ),
    "an untimed reinstatement is later than an untimed reversal": (
        [charge(None, 10), reversal(None)],
        reinstatement(None),
        Verdict.CHARGED,
        [10],
    ),
    "an untimed reversal comes before an untimed reinstatement": (
        [charge(None, 10), reversal(None), reinstatement(None)],
        reversal(None),
        Verdict.SUPERSEDED,
        [],
    ),
    "a free charge is a charge": ([], charge(1, 0), Verdict.CHARGED, [0]),
    "a free charge is taken back too": ([charge(1, 0)], reversal(2), Verdict.REVERSED, [0]),
}


@pytest.mark.parametrize(
    ("before", "outcome", "verdict", "amounts"), VERDICTS.values(), ids=VERDICTS.keys()
)
def test_verdict(
    before: list[ModelOutcome], outcome: ModelOutcome, verdict: Verdict, amounts: list[int]
) -> None:
    book = book_of(*before)
    lines_before = len(book.entries)
    step = record(book, outcome)
    assert step.verdict is verdict
    assert [entry.amount_micros for entry in step.entries] == amounts
    assert book.entries[lines_before:] == list(step.entries)
    model.open_line(lines(book.entries))
