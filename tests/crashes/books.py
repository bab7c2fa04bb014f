"""What the tables must say after a crash, read from outside and judged by the tests' own model.

Nothing of `jobs` is asked: a mistake there must not excuse itself.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby

from tests.jobs import model
from tests.jobs.model import Line, ModelOutcome
from tests.support.databases import Outside

#: A charge that a person had billed again stands where the one stood that it replaces.
OUTCOMES = """
SELECT outcome_key, kind, occurred_at, amount_micros, agent_id, customer_id, indicator
FROM outcomes WHERE id NOT IN (SELECT replaces FROM outcomes WHERE replaces IS NOT NULL)
ORDER BY outcome_key, coalesce(place, ordinal), ordinal
"""
LEDGER = """
SELECT outcome_key, id, sequence, kind, reverses, amount_micros, currency,
       agent_id, customer_id, indicator
FROM billing_events ORDER BY outcome_key, sequence
"""
BALANCE = """
SELECT (SELECT coalesce(sum(accepted), 0) FROM intake), (SELECT count(*) FROM deliveries)
"""
#: A replay whose asking was cut off stays in state `gathering`: no one was informed of it.
UNFINISHED = """
SELECT 'delivery', id FROM deliveries WHERE state = 'received'
UNION ALL SELECT 'replay', id FROM replays WHERE state NOT IN ('done', 'gathering')
UNION ALL SELECT 'item of a done replay', delivery_id FROM replay_items
WHERE result IS NULL AND replay_id IN (SELECT id FROM replays WHERE state = 'done')
"""
ORPHANS = """
SELECT 'a recorded delivery without outcome', id FROM deliveries
WHERE state = 'recorded' AND id NOT IN
    (SELECT delivery_id FROM outcomes WHERE delivery_id IS NOT NULL)
UNION ALL
SELECT 'an outcome of a delivery that is not recorded', id FROM outcomes
WHERE delivery_id IN (SELECT id FROM deliveries WHERE state <> 'recorded')
"""


def unfinished(database: Outside) -> list[tuple[str, ...]]:
    """What still waits to be settled or replayed."""
    return database.rows(UNFINISHED)


def check(database: Outside) -> None:
    """AssertionError unless both counts agree and every key's ledger reports what the key owes."""
    ((accepted, kept),) = database.rows(BALANCE)
    assert int(accepted) == int(kept), f"{accepted} accepted, {kept} there"
    assert database.rows(ORPHANS) == []
    said, ledgers = _said(database), _ledgers(database)
    assert ledgers.keys() <= said.keys(), "billed without an outcome"
    for key, outcomes in said.items():
        due = model.owes(outcomes)
        standing = model.open_line(ledgers.get(key, []))
        assert (standing.micros if standing else None) == (due.micros if due else None), (
            f"{key} owes {due}, its ledger has {standing}"
        )


def _said(database: Outside) -> dict[str, list[ModelOutcome]]:
    """The outcomes of each key; their times as ranks, which is all that the model looks at."""
    rows = database.rows(OUTCOMES)
    ranks = {at: rank for rank, at in enumerate(sorted({row[2] for row in rows} - {""}))}
    found: dict[str, list[ModelOutcome]] = defaultdict(list)
    for key, kind, at, micros, *triple in rows:
        time = ranks[at] if at else None
        is_charge = kind == "charge"
        found[key].append(
            model.charge(time, int(micros), "/".join(triple)) if is_charge else model.reversal(time)
        )
    return found


def _ledgers(database: Outside) -> dict[str, list[Line]]:
    rows = database.rows(LEDGER)
    return {
        key: [
            Line(
                id=line_id,
                sequence=int(sequence),
                kind=kind,
                reverses=reverses or None,
                micros=int(micros),
                currency=currency,
                billed_as="/".join(triple),
            )
            for _, line_id, sequence, kind, reverses, micros, currency, *triple in lines
        ]
        for key, lines in groupby(rows, key=lambda row: row[0])
    }
