"""The price of a recorded outcome as the catalogue gives it now, without the body: pure.

Owns when that is what the mapping would give: where the mapping in force is, to the byte, the one
that recorded the outcome, since the same text and the same bytes give the same outcome. Refuses
where the mapping was edited since, and a customer who was erased: with the id goes the price that
was agreed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from mappings.engine.loading.load import MappingSet
from mappings.engine.pricing.catalogue import Catalogue, UnpricedError
from mappings.engine.types import Failure, Kind, Mapped, Outcome, Reason

#: A row of `outcomes`.
Row = Mapping[str, Any]


def priced_again(row: Row, mappings: MappingSet, *, received_at: datetime) -> Mapped | None:
    """The outcome of this row as it would be priced now; None where only the body could tell."""
    source = mappings.sources.get(row["source"])
    if (
        source is None
        or mappings.catalogue is None
        or source.mapping_version != row["mapping_version"]
    ):
        return None
    rules = mappings.programs[source.name].rules
    says_currency = any(one.name == row["rule"] and one.currency is not None for one in rules)
    currency = row["currency"] if says_currency else None
    try:
        outcome = _priced(row, mappings.catalogue, received_at, currency)
    except UnpricedError as error:
        failure = Failure(
            reason=Reason.UNPRICED,
            detail=f"Rule {row['rule']}: {error}",
            rule=row["rule"],
            event_index=row["event_index"],
        )
        return Mapped(outcomes=(), failures=(failure,), events=1)
    return Mapped(outcomes=(outcome,), failures=(), events=1)


def _priced(row: Row, catalogue: Catalogue, received_at: datetime, currency: str | None) -> Outcome:
    value = None if row["value"] is None else Decimal(row["value"])
    price = catalogue.price(
        agent=row["agent_id"],
        indicator=row["indicator"],
        customer=row["customer_id"],
        at=row["occurred_at"] or received_at,
        value=value,
        currency=currency,
    )
    return Outcome(
        event_index=row["event_index"],
        rule=row["rule"],
        key=row["outcome_key"],
        kind=Kind.CHARGE,
        agent_id=row["agent_id"],
        customer_id=row["customer_id"],
        indicator=row["indicator"],
        occurred_at=row["occurred_at"],
        value=value,
        amount_micros=price.amount_micros,
        currency=price.currency,
        meta_tags=row["meta_tags"],
        mapping_version=row["mapping_version"],
        price_version=catalogue.version,
    )
