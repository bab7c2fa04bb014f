"""Billing events as CSV (RFC 4180) that a spreadsheet can open: pure.

Owns the columns, which are the fields of the API's items in their order, and that no text is taken
for a formula. An amount stays a number, a negative one too.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from jobs.queries.ledger.billing_events import BillingEventItem

COLUMNS = tuple(BillingEventItem.model_fields)
#: What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBERS = frozenset({"amount", "sequence"})


def csv_header() -> str:
    """The first line."""
    return _lines([COLUMNS])


def csv_lines(items: Iterable[BillingEventItem]) -> str:
    """A line for each item; `meta_tags` is JSON, null an empty cell."""
    dumped = (item.model_dump(mode="json") for item in items)
    return _lines([_cell(name, fields[name]) for name in COLUMNS] for fields in dumped)


def _cell(name: str, value: Any) -> Any:
    if value is None or name in _NUMBERS:
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue()
