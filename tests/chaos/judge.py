"""The comparison: what was acknowledged against what the service has. Pure.

Owns what counts as lost, doubled, wrong, unbalanced. Refuses to excuse anything: whatever does not
follow from the record is a finding.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.chaos.books import Books, Row
from tests.chaos.record import Record, Sent
from tests.chaos.stories import CURRENCIES, Step
from tests.jobs.model import open_line, owes

#: Every kind of finding, in the order they are printed.
KINDS = (
    "lost",
    "doubled",
    "wrong amount",
    "unbalanced",
    "unsettled",
    "astray",
    "unacknowledged",
    "process",
    "log",
    "refused",
    "replay",
)
#: So many of a kind are kept in words; all are counted.
SHOWN = 20


@dataclass
class Findings:
    """What is not as it must be, by kind. `given_up` is no finding: see `judge`."""

    counts: Counter[str] = field(default_factory=Counter)
    shown: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    given_up: int = 0

    def add(self, kind: str, what: str) -> None:
        assert kind in KINDS
        self.counts[kind] += 1
        if len(self.shown[kind]) < SHOWN:
            self.shown[kind].append(what)

    def __bool__(self) -> bool:
        return bool(self.counts.total())

    def __iter__(self) -> Iterator[str]:
        for kind in KINDS:
            yield from (f"{kind}: {what}" for what in self.shown[kind])


def judge(record: Record, books: Books, findings: Findings, *, fixed: bool = False) -> None:
    """Hold the tables against the record; call it when all is sent and nothing is on its way.

    `fixed`: the missing account was added and what failed for it was replayed. Until then a
    delivery whose workers were killed five times while settling it may be `failed: internal`, as
    promised, with its outcomes held back: those are counted as `given_up`.
    """
    by_body = {sent.body_sha256: number for number, sent in record.sent.items()}
    rows: dict[int, list[Row]] = defaultdict(list)
    for row in books.rows:
        number = by_body.get(row.body_sha256)
        if number is None or record.sent[number].source != row.source:
            findings.add("lost", f"{row.id} holds a body that no one sent to {row.source}")
        else:
            rows[number].append(row)
    steps: dict[str, list[Step]] = defaultdict(list)
    for number, sent in record.sent.items():
        _judge_message(number, sent, rows[number], findings, fixed=fixed)
        if _is_recorded(sent, rows[number], findings, fixed=fixed):
            for one in sent.steps:
                steps[one.key].append(one)
    _judge_rebills(books, findings)
    _judge_ledger(steps, books, findings)
    _judge_counts(books, findings)


def _judge_message(
    number: int, sent: Sent, rows: list[Row], findings: Findings, *, fixed: bool
) -> None:
    ids = {row.id for row in rows}
    if not sent.answers:
        findings.add("unacknowledged", f"message {number} never heard a 2xx")
    for missing in sorted(sent.answers.keys() - ids):
        findings.add("lost", f"message {number} was acknowledged as {missing}, which is not there")
    _judge_identity(number, sent, rows, findings)
    for row in rows:
        heard = sent.answers[row.id] - sent.accepted.count(row.id)
        if row.duplicates < heard:
            what = f"{row.id} counts {row.duplicates} repeats, and {heard} were answered"
            findings.add("unbalanced", what)
        _judge_fate(sent, row, findings, fixed=fixed)


def _judge_identity(number: int, sent: Sent, rows: list[Row], findings: Findings) -> None:
    """One delivery for each message with an id; else one for each time of signing that was kept."""
    for twice in (one for one, count in Counter(sent.accepted).items() if count > 1):
        findings.add("doubled", f"{twice} of message {number} was accepted twice as new")
    if sent.has_id:
        if len({*sent.answers}) > 1 or len(rows) > 1:
            names = sorted({*sent.answers, *(row.id for row in rows)})
            findings.add("doubled", f"message {number} is several deliveries: {names}")
        return
    times = Counter(row.signed_at for row in rows)
    for signed_at in (one for one, count in times.items() if count > 1):
        findings.add("doubled", f"message {number} as signed at {signed_at} is there twice")
    for row in rows:
        if row.id not in sent.answers and row.signed_at not in sent.unanswered:
            findings.add("unbalanced", f"{row.id} of message {number} belongs to no try")


def _judge_fate(sent: Sent, row: Row, findings: Findings, *, fixed: bool) -> None:
    fate = "recorded" if fixed and sent.fate == "failed" else sent.fate
    if row.state == "received":
        findings.add("unsettled", f"{row.id} is still received")
    elif not fixed and (row.state, row.reason) == ("failed", "internal"):
        findings.given_up += 1
    elif row.state != fate or (fate == "failed" and row.reason != "unmapped"):
        findings.add("astray", f"{row.id} is {row.state} ({row.reason}), and must be {fate}")
    expected = len(sent.steps) if row.state == "recorded" else 0
    if row.outcomes != expected:
        kind = "lost" if row.outcomes < expected else "doubled"
        findings.add(kind, f"{row.id} has {row.outcomes} of {expected} outcomes")


def _is_recorded(sent: Sent, rows: list[Row], findings: Findings, *, fixed: bool) -> bool:
    """Whether what the message states counts: by its fate, unless it was given up altogether."""
    if fixed:
        return bool(sent.steps)
    given_up = bool(rows) and all(row.reason == "internal" for row in rows)
    return sent.fate == "recorded" and not given_up


def _judge_rebills(books: Books, findings: Findings) -> None:
    """No edit of a run changes a meaning, so that billing again changes nothing."""
    for key, said in books.by_hand.items():
        if any(one.kind == "charge" for one in said):
            findings.add("wrong amount", f"{key} was rebilled, and its mapping gives what it gave")


def _judge_ledger(steps: Mapping[str, list[Step]], books: Books, findings: Findings) -> None:
    """Each key against what it owes by the model, and the sum of money by currency.

    What an operator did counts as it was recorded: when it was done decides, as for all outcomes.
    """
    totals: Counter[str] = Counter()
    for key, said in steps.items():
        owed = owes([*(one.said for one in said), *books.by_hand.get(key, [])])
        currency = CURRENCIES[said[0].line]
        try:
            opened = open_line(books.ledger.get(key, []))
        except AssertionError as error:
            kind = "doubled" if "two open charges" in str(error) else "unbalanced"
            findings.add(kind, f"{key}: {error}")
            continue
        if owed is not None and owed.micros is not None:
            totals[currency] += owed.micros
        if owed is not None and opened is None:
            findings.add("lost", f"{key} owes {owed.micros} and nothing is billed")
        elif opened is not None and owed is None:
            findings.add("wrong amount", f"{key} owes nothing and {opened.micros} is billed")
        elif opened is not None and owed is not None:
            at = opened.at if owed.at is None else owed.at  # untimed: the day of its receipt
            billed = (opened.micros, opened.currency, opened.billed_as, opened.at)
            wanted = (owed.micros, currency, owed.billed_as, at)
            if billed != wanted:
                findings.add("wrong amount", f"{key} owes {wanted} and {billed} is billed")
    for key in books.ledger.keys() - steps.keys():
        findings.add("wrong amount", f"{key} is billed and no message states it")
    if +totals != +books.totals:
        findings.add("unbalanced", f"{dict(books.totals)} is billed, {dict(totals)} is owed")


def _judge_counts(books: Books, findings: Findings) -> None:
    if books.accepted != len(books.rows):
        what = f"intake counted {books.accepted} deliveries, and there are {len(books.rows)}"
        findings.add("unbalanced", what)


def judge_status(status: Mapping[str, int], books: Books, findings: Findings) -> None:
    """The service's own counts against the tables."""
    states = Counter(row.state for row in books.rows)
    said = {state: status[state] for state in ("received", "recorded", "ignored", "failed")}
    found = {state: states[state] for state in said}
    if (status["accepted"], said) != (books.accepted, found):
        findings.add("unbalanced", f"`status` counts {dict(status)}; the tables have {found}")


def unanswered_and_kept(record: Record, books: Books) -> int:
    """Deliveries that no sender heard of: kept, and their answer was lost."""
    return sum(row.id not in record.acknowledged for row in books.rows)
