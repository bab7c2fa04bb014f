"""Mappings that need no mapping: each delivery holds its own outcomes.

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

from jobs.intake.group_commit import Incoming
from mappings.engine.loading.load import MappingSet
from mappings.engine.reasons import Reason
from mappings.engine.types import (
    AmountRule,
    DeliveryInput,
    Failure,
    Kind,
    Mapped,
    Outcome,
    VersionText,
)

_numbers = itertools.count(1)


class FakeMappings:
    """Gives what the body holds. What a body `needs` fails it until it is in `knows`.

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
        content = json.loads(delivery.body)
        if content.get("bug") and content["bug"] not in self.knows:
            raise LookupError(content["bug"])
        outcomes, failures = [], []
        for index, outcome in enumerate([] if self.silent else content["outcomes"]):
            if outcome.get("needs") and outcome["needs"] not in self.knows:
                failures.append(_failure(outcome, index))
            elif index != self.without_event:
                outcomes.append(self._outcome(outcome, index))
        if not failures:
            time.sleep(content.get("takes_seconds", 0))
        return Mapped(
            outcomes=tuple(outcomes),
            failures=tuple(failures),
            events=content.get("events", len(content["outcomes"])),
            shadow=content.get("shadow", False),
        )

    def _outcome(self, written: Mapping[str, Any], index: int) -> Outcome:
        is_charge = written["kind"] == "charge"
        return Outcome(
            event_index=written.get("event", index),
            rule={"charge": "resolved", "reversal": "reopened"}.get(written["kind"], "restored"),
            key=written["key"] + self.suffix,
            kind=Kind(written["kind"]),
            agent_id="agent" if is_charge else None,
            customer_id=(self.customer or written["customer"]) if is_charge else None,
            indicator="resolved" if is_charge else None,
            occurred_at=None if written["at"] is None else datetime.fromisoformat(written["at"]),
            amount_micros=(written["micros"] if self.micros is None else self.micros)
            if is_charge
            else None,
            currency="USD" if is_charge else None,
            meta_tags=written.get("tags", {}),
            mapping_version=self.version,
            price_version=self.prices if is_charge else None,
            amount_rule=AmountRule(written.get("amount", "first")),
        )


def _failure(written: Mapping[str, Any], index: int) -> Failure:
    return Failure(
        reason=Reason(written.get("reason", "unpriced")),
        detail=f"nothing is known of {written['needs']}",
        rule="resolved",
        event_index=index,
    )


def in_force(fake: FakeMappings) -> Callable[[], MappingSet]:
    """What a worker asks for its mappings."""
    return lambda: mapping_set(fake)


def mapping_set(fake: FakeMappings) -> MappingSet:
    """The double, where the whole set is asked for: it knows the texts of no source."""
    return cast("MappingSet", fake)


def bill(
    key: str,
    *,
    at: datetime | None = None,
    micros: int = 990_000,
    customer: str = "acme",
    needs: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A charge for a body."""
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
    """A reversal for a body."""
    return {"kind": "reversal", "key": key, "at": at and at.isoformat(), "needs": needs}


def restore(key: str, *, at: datetime | None = None) -> dict[str, Any]:
    """A reinstatement for a body."""
    return {**undo(key, at=at), "kind": "reinstatement"}


def body(*outcomes: Mapping[str, Any], **more: Any) -> bytes:
    """A body with these outcomes."""
    return json.dumps({"outcomes": outcomes, **more}).encode()


def needing(need: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """The same outcome, failing until `need` is known."""
    return {**written, "needs": need}


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
