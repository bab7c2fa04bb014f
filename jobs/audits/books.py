"""Each key's book: whether its outcomes and its ledger agree.

Owns what may differ between an outcome and the line that it caused. What a key owes is decided
again by `jobs.ledger.book` from all that was recorded of it, in whatever order it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, Table, and_, func, or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.audits.records import KINDS
from jobs.audits.results import fault
from jobs.audits.scrub import PAGE, Scrub
from jobs.common.money import money
from jobs.common.problem import Problem
from jobs.ledger.book import KeyBook
from jobs.ledger.repository import load_books
from jobs.storage.schema import actions, billing_events, deliveries, outcome_keys, outcomes
from mappings.engine.types import Terms

_line, _outcome = billing_events.c, outcomes.c
_other = billing_events.alias()
_TRIPLE = ("agent_id", "customer_id", "indicator")


async def next_keys(connection: AsyncConnection, after: str) -> list[str]:
    """The keys after that one that any of the three tables knows."""
    legs = [
        select(table.c.outcome_key)
        .distinct()
        .where(table.c.outcome_key > after)
        .order_by(table.c.outcome_key)
        .limit(PAGE)
        .subquery()
        for table in (outcome_keys, outcomes, billing_events)
    ]
    every = union(*(select(leg.c.outcome_key) for leg in legs)).subquery()
    rows = await connection.execute(
        select(every.c.outcome_key).order_by(every.c.outcome_key).limit(PAGE)
    )
    return list(rows.scalars())


async def changed_keys(connection: AsyncConnection, floor: str, after: str) -> list[str]:
    """Those of which something was recorded or posted under an id from `floor` on."""
    legs = [
        select(table.c.outcome_key).where(table.c.id >= floor, table.c.outcome_key > after)
        for table in (outcomes, billing_events)
    ]
    every = union(*legs).subquery()
    rows = await connection.execute(
        select(every.c.outcome_key).order_by(every.c.outcome_key).limit(PAGE)
    )
    return list(rows.scalars())


async def faults_of_keys(connection: AsyncConnection, keys: Sequence[str]) -> list[Problem]:
    """All that is wrong with these keys, as of one moment."""
    faults: list[Problem] = []
    for summary, query in _DIFFERENCES:
        rows = await connection.execute(query.where(query.selected_columns[0].in_(keys)))
        faults += [fault(key, f"key {key}: {summary.format(what)}") for key, what in rows]
    books = await load_books(connection, keys)
    for key, book in books.items():
        faults += [fault(key, f"key {key}: {summary}") for summary in disagreements(book)]
    return faults


def disagreements(book: KeyBook) -> Iterator[str]:
    """How the book's ledger differs from the whole key's outcomes."""
    due, open_charge = book.owed(), book.open_charge
    if (due and due.terms.bill) != (open_charge and open_charge.terms.bill):
        owes = _in_words(due.terms) if due else "nothing"
        posted = _in_words(open_charge.terms) if open_charge else "nothing"
        yield f"its outcomes owe {owes}, its ledger has {posted}"
    if [entry.sequence for entry in book.entries] != list(range(1, len(book.entries) + 1)):
        yield "its ledger has a gap"


def _in_words(terms: Terms) -> str:
    amount = "no amount" if terms.amount_micros is None else money(terms.amount_micros)
    return f"{amount} {terms.currency} for {terms.triple}"


def _differ(left: Any, right: Any, *names: str) -> Any:
    return or_(*(left[name].is_distinct_from(right[name]) for name in names))


def _lines_where(condition: Any) -> Select[Any]:
    """Lines with their outcomes, and with the line that each reverses."""
    return (
        select(_line.outcome_key, _line.id)
        .join(outcomes, _outcome.id == _line.outcome_id, isouter=True)
        .join(_other, _other.c.id == _line.reverses, isouter=True)
        .where(condition)
        .order_by(_line.outcome_key, _line.sequence)
    )


def _outcomes_where(condition: Any) -> Select[Any]:
    """Outcomes with the line that each names, its delivery and its action."""
    return (
        select(_outcome.outcome_key, _outcome.id)
        .join(_other, _other.c.id == _outcome.billing_event_id, isouter=True)
        .join(deliveries, deliveries.c.id == _outcome.delivery_id, isouter=True)
        .join(actions, actions.c.id == _outcome.action_id, isouter=True)
        .where(condition)
        .order_by(_outcome.outcome_key, _outcome.ordinal)
    )


def _unlocked(table: Table) -> Select[Any]:
    return (
        select(table.c.outcome_key, func.count())
        .join(outcome_keys, outcome_keys.c.outcome_key == table.c.outcome_key, isouter=True)
        .where(outcome_keys.c.outcome_key.is_(None))
        .group_by(table.c.outcome_key)
    )


_is_charge, _is_reversal = _line.kind == "charge", _line.kind == "reversal"
_posts = _outcome.verdict.in_(("charged", "reversed"))
#: Both charge: a reinstatement with the terms of a charge of its key.
_charges = _outcome.kind.in_(("charge", "reinstatement"))
_BILLED = ("amount_micros", "currency", *_TRIPLE)
_original = outcomes.alias()
_restores = (
    select(_original.c.id)
    .where(
        _original.c.outcome_key == _line.outcome_key,
        _original.c.kind == "charge",
        *(_original.c[name] == _line[name] for name in _BILLED),
        or_(_original.c.occurred_at.is_(None), _original.c.occurred_at == _line.occurred_at),
    )
    .exists()
)

#: What to say of each (of a line or an outcome, by its id), and the question that finds them.
_DIFFERENCES: tuple[tuple[str, Select[Any]], ...] = (
    (
        "billing event {} belongs to no outcome of the key",
        _lines_where(or_(_outcome.id.is_(None), _outcome.outcome_key != _line.outcome_key)),
    ),
    (
        "billing event {} charges other terms than its outcome",
        _lines_where(
            and_(
                _is_charge,
                or_(
                    ~_charges,
                    and_(
                        _outcome.kind == "charge",
                        or_(
                            _differ(_line, _outcome, *_BILLED),
                            _outcome.occurred_at != _line.occurred_at,
                        ),
                    ),
                    and_(_outcome.kind == "reinstatement", ~_restores),
                ),
            )
        ),
    ),
    (
        "billing event {} names another delivery than its outcome",
        _lines_where(_differ(_line, _outcome, "delivery_id", "event_index", "source")),
    ),
    (
        "billing event {} does not negate the charge before it",
        _lines_where(
            and_(
                _is_reversal,
                or_(
                    _other.c.id.is_(None),
                    _other.c.kind != "charge",
                    _other.c.outcome_key != _line.outcome_key,
                    _other.c.sequence != _line.sequence - 1,
                    _other.c.amount_micros != -_line.amount_micros,
                    _differ(_line, _other.c, "currency", *_TRIPLE),
                ),
            )
        ),
    ),
    (
        "billing event {} reverses against the verdict of its outcome",
        _lines_where(
            and_(
                _is_reversal,
                or_(
                    and_(_outcome.kind == "reversal", _outcome.verdict != "reversed"),
                    and_(_charges, _outcome.verdict != "charged"),
                ),
            )
        ),
    ),
    (
        "outcome {} has no billing event that matches its verdict",
        _outcomes_where(
            and_(
                _posts,
                or_(
                    _other.c.id.is_(None),
                    _other.c.outcome_id != _outcome.id,
                    _other.c.outcome_key != _outcome.outcome_key,
                    and_(_outcome.verdict == "charged", or_(_other.c.kind != "charge", ~_charges)),
                    and_(
                        _outcome.verdict == "reversed",
                        or_(_other.c.kind != "reversal", _outcome.kind != "reversal"),
                    ),
                ),
            )
        ),
    ),
    (
        "outcome {} names a billing event that is not the key's",
        _outcomes_where(
            and_(
                ~_posts,
                _outcome.billing_event_id.is_not(None),
                or_(
                    _other.c.id.is_(None),
                    _other.c.outcome_key != _outcome.outcome_key,
                ),
            )
        ),
    ),
    (
        "outcome {} is of a delivery that is not there",
        _outcomes_where(and_(_outcome.delivery_id.is_not(None), deliveries.c.id.is_(None))),
    ),
    (
        "outcome {} was recorded by hand, and no action names its author",
        _outcomes_where(
            or_(
                and_(_outcome.delivery_id.is_(None), _outcome.action_id.is_(None)),
                and_(
                    _outcome.action_id.is_not(None),
                    or_(actions.c.id.is_(None), actions.c.kind.not_in(KINDS)),
                ),
            )
        ),
    ),
    (
        "{} of its outcomes are missing",
        select(_outcome.outcome_key, func.max(_outcome.ordinal) - func.count(_outcome.id))
        .group_by(_outcome.outcome_key)
        .having(func.max(_outcome.ordinal) != func.count(_outcome.id)),
    ),
    (
        "it cannot be locked: it has no row in outcome_keys",
        _unlocked(billing_events),
    ),
    (
        "it cannot be locked: it has no row in outcome_keys",
        _unlocked(outcomes),
    ),
)

#: The audit.
BOOKS = Scrub(next_keys, changed_keys, faults_of_keys)
