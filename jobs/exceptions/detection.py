"""Which exceptions one key has: pure, from its book and from the charges recorded of it.

Owns what an exception of a key is. What the key owes, and which charges belong to one interval,
is decided by `jobs.ledger`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobs.ledger.book import KeyBook
from jobs.ledger.owing import Verdict
from jobs.ledger.records import Recorded
from mappings.engine.types import AmountRule, Kind

WAITING_REVERSAL, AMOUNT_DIFFERS = OF_KEYS = ("waiting-reversal", "amount-differs")


@dataclass(frozen=True, slots=True)
class SettledOutcome:
    """An outcome as it was recorded: with its verdict, and when that was."""

    outcome: Recorded
    verdict: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyException:
    """An exception of a key: the outcome that shows it, and since when.

    `owed` is the charge that is owed instead, where the amount differs.
    """

    kind: str
    key: str
    outcome: Recorded
    at: datetime
    owed: Recorded | None = None


def exceptions_of(book: KeyBook, settled: Sequence[SettledOutcome]) -> list[KeyException]:
    """At most one of each kind. `settled` are the charges and waiting reversals of the key.

    Of charges that are alike one is enough.
    """
    kinds = (_waiting(book.key, settled), _differing(book, settled))
    return [exception for exception in kinds if exception is not None]


def _waiting(key: str, settled: Sequence[SettledOutcome]) -> KeyException | None:
    """The first reversal that still waits, if the key has no charge at all."""
    if any(each.outcome.kind is Kind.CHARGE for each in settled):
        return None
    waiting = min(
        (
            each
            for each in settled
            if each.verdict == Verdict.WAITING and each.outcome.kind is Kind.REVERSAL
        ),
        key=lambda each: each.outcome.ordinal,
        default=None,
    )
    if waiting is None:
        return None
    return KeyException(
        kind=WAITING_REVERSAL, key=key, outcome=waiting.outcome, at=waiting.recorded_at
    )


def _differing(book: KeyBook, settled: Iterable[SettledOutcome]) -> KeyException | None:
    """The charge recorded last that is not owed, of the same interval, with another amount.

    Under `amount: latest` the amount recorded last is what the rule asks for. What was recorded
    before the key was rebilled by hand was judged then.
    """
    owed = book.owed()
    if owed is None or owed.amount_rule is AmountRule.LATEST:
        return None
    judged = owed.ordinal if owed.replaces is not None else 0
    replaced = {each.replaces for each in book.outcomes}
    # A reinstated charge is owed in the last interval, and was recorded in another one.
    intervals = {book.timeline.interval_of(owed), len(book.timeline.reversals)}
    differing = [
        each
        for each in settled
        if each.outcome.kind is Kind.CHARGE
        and each.outcome.ordinal > judged
        and each.outcome.action_id is None
        and each.outcome.id not in replaced
        and each.outcome.terms.bill[:2] != owed.terms.bill[:2]
        and book.timeline.interval_of(each.outcome) in intervals
    ]
    if not differing:
        return None
    last = max(differing, key=lambda each: each.outcome.ordinal)
    since = min(each.recorded_at for each in differing)
    return KeyException(
        kind=AMOUNT_DIFFERS, key=book.key, outcome=last.outcome, at=since, owed=owed
    )
