"""Mappings that need no mapping: each delivery tells its own outcomes.

`jobs` meets the mapping language at one pure seam, `map(DeliveryInput) -> Mapped`; what happens
behind it is tested in tests/mappings.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from jobs.intake.inbox import Incoming
from mappings.engine.loading.load import MappingSet
from mappings.engine.types import (
    AmountRule,
    DeliveryInput,
    Failure,
    Kind,
    Mapped,
    Outcome,
    Reason,
    VersionText,
)

_numbers = itertools.count(1)


class Telling:
    """Does what the body says. What a body `needs` fails it until it is in `knows`.

    `micros` replaces the price of all charges, `customer` all customers, `suffix` is added to all
    keys, as an edit of the catalogue, of a rule or of `once_per` would. With `silent` no rule
    matches any more, and none the event `without_event`. `digest` "" is never out of date.
    """

    digest = ""

    def __init__(self, version: str = "mapping-1", prices: str = "prices-1") -> None:
        self.version = version
        self.prices = prices
        self.knows: set[str] = set()
        self.micros: int | None = None
        self.customer: str | None = None
        self.suffix = ""
        self.silent = False
        self.without_event: int | None = None
        self.mapped: Counter[bytes] = Counter()
        self.sources: Mapping[str, Any] = {}
        self.digest = f"{version} and {prices}"
        self.versions: Mapping[str, VersionText] = {
            version: VersionText(kind="mapping", name="crm.yaml", text=f"text of {version}"),
            prices: VersionText(kind="catalogue", name="agents.yaml", text=f"text of {prices}"),
        }

    def map(self, delivery: DeliveryInput) -> Mapped:
        self.mapped[delivery.body] += 1
        told = json.loads(delivery.body)
        if told.get("bug") and told["bug"] not in self.knows:
            raise LookupError(told["bug"])
        outcomes, failures = [], []
        for index, one in enumerate([] if self.silent else told["outcomes"]):
            if one.get("needs") and one["needs"] not in self.knows:
                failures.append(_failure(one, index))
            elif index != self.without_event:
                outcomes.append(self._outcome(one, index))
        if not failures:
            time.sleep(told.get("takes_seconds", 0))
        return Mapped(
            outcomes=tuple(outcomes),
            failures=tuple(failures),
            events=told.get("events", len(told["outcomes"])),
            shadow=told.get("shadow", False),
        )

    def _outcome(self, told: Mapping[str, Any], index: int) -> Outcome:
        is_charge = told["kind"] == "charge"
        return Outcome(
            event_index=told.get("event", index),
            rule={"charge": "resolved", "reversal": "reopened"}.get(told["kind"], "restored"),
            key=told["key"] + self.suffix,
            kind=Kind(told["kind"]),
            agent_id="agent" if is_charge else None,
            customer_id=(self.customer or told["customer"]) if is_charge else None,
            indicator="resolved" if is_charge else None,
            occurred_at=None if told["at"] is None else datetime.fromisoformat(told["at"]),
            amount_micros=(told["micros"] if self.micros is None else self.micros)
            if is_charge
            else None,
            currency="USD" if is_charge else None,
            meta_tags=told.get("tags", {}),
            mapping_version=self.version,
            price_version=self.prices if is_charge else None,
            amount_rule=AmountRule(told.get("amount", "first")),
        )


def _failure(told: Mapping[str, Any], index: int) -> Failure:
    return Failure(
        reason=Reason(told.get("reason", "unpriced")),
        detail=f"nothing is known of {told['needs']}",
        rule="resolved",
        event_index=index,
    )


def in_force(telling: Telling) -> Callable[[], MappingSet]:
    """What a worker asks for its mappings."""
    return lambda: mapping_set(telling)


def mapping_set(telling: Telling) -> MappingSet:
    """The double, where the whole set is asked for: it knows the texts of no source."""
    return cast("MappingSet", telling)


def bill(
    key: str,
    *,
    at: datetime | None = None,
    micros: int = 990_000,
    customer: str = "acme",
    needs: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A charge for a body to tell."""
    return {
        "kind": "charge",
        "key": key,
        "at": at and at.isoformat(),
        "micros": micros,
        "customer": customer,
        "needs": needs,
        **more,
    }


def undo(key: str, *, at: datetime | None = None, needs: str | None = None) -> dict[str, Any]:
    """A reversal for a body to tell."""
    return {"kind": "reversal", "key": key, "at": at and at.isoformat(), "needs": needs}


def restore(key: str, *, at: datetime | None = None) -> dict[str, Any]:
    """A reinstatement for a body to tell."""
    return {**undo(key, at=at), "kind": "reinstatement"}


def body(*outcomes: Mapping[str, Any], **more: Any) -> bytes:
    """A body that tells these outcomes."""
    return json.dumps({"outcomes": outcomes, **more}).encode()


def needing(need: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """The same outcome, failing until `need` is known."""
    return {**told, "needs": need}


def incoming(
    content: bytes = b'{"outcomes": []}',
    *,
    vendor_id: str | None = None,
    source: str = "crm",
    id_signed: bool = True,
) -> Incoming:
    """A verified POST; without `vendor_id` under an id of its own."""
    vendor_id = vendor_id or f"made-up-{next(_numbers)}"
    return Incoming(
        source=source,
        dedupe_key=f"id:{vendor_id}",
        body=content,
        body_sha256=hashlib.sha256(content).hexdigest(),
        headers={"content-type": "application/json"},
        vendor_id=vendor_id,
        id_signed=id_signed,
    )


def in_order(bodies: Sequence[bytes], *, source: str = "crm") -> Iterable[Incoming]:
    """POSTs, one after the other."""
    for content in bodies:
        yield incoming(content, source=source)
