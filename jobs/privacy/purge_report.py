"""The id and its pseudonym; what a purge counted and changed, and what it cannot change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, or_

from jobs.common.errors import JobsError
from jobs.common.timestamps import in_utc
from jobs.privacy.pseudonyms import Wording, escaped

#: Deliveries listed by id, of those whose body contains the customer's id without a link to it.
SHOWN = 20


class NeverBilled(JobsError):
    """No customer was ever billed under the id, and no data of it is left to erase."""


class PseudonymGiven(JobsError):
    """The given id is itself the pseudonym of a purged customer."""


class KeysCollide(JobsError):
    """The ledger has a key under both the id and its pseudonym, and both have billed."""


@dataclass(frozen=True, slots=True)
class Names:
    """The id to erase, and the pseudonym that replaces it."""

    customer: str
    pseudonym: str

    @property
    def purged(self) -> dict[str, str]:
        """As `jobs.privacy.pseudonyms` takes it."""
        return {self.customer: self.pseudonym}

    @property
    def wording(self) -> Wording:
        return Wording(self.customer, self.pseudonym)

    def are_in(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether the text or JSON contains the id, as a word of its own or not."""
        forms = sorted({self.customer, *escaped(self.customer)})
        return or_(*(cast(column, Text).contains(form, autoescape=True) for form in forms))


@dataclass(slots=True)
class InLedger:
    """Rows of the customer in the ledger that are, or are to be, changed."""

    outcomes: int = 0
    billing_events: int = 0
    keys: int = 0
    customers: int = 0
    actions: int = 0
    #: The deliveries that billed this customer.
    linked: set[str] = field(default_factory=set)
    #: Those of them whose body is kept.
    with_body: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows there are to change."""
        return self.outcomes + self.billing_events + self.keys + self.customers + self.actions


@dataclass(slots=True)
class Elsewhere:
    """Other references to the id: texts, and bodies that nothing links to the customer."""

    texts: int = 0
    #: Bodies of deliveries that billed nothing, by state.
    unlinked: Counter[str] = field(default_factory=Counter)
    #: Bodies that contain the id, of deliveries that did not bill this customer.
    mentions: int = 0
    mentioned_in: list[str] = field(default_factory=list)
    #: Kept versions of mapping files, tables and prices that name it.
    versions: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class PurgeReport:
    """What a purge did, or would do. `pseudonym` is None before the first purge of all."""

    pseudonym: str | None
    purged_at: datetime | None
    ledger: InLedger
    elsewhere: Elsewhere
    bodies: int
    shared_bodies: int

    @property
    def found(self) -> bool:
        """Whether there is anything to change."""
        return bool(self.ledger.rows or self.bodies or self.elsewhere.texts)

    def as_json(self) -> dict[str, Any]:
        """The object that the command line shows."""
        ledger, elsewhere = self.ledger, self.elsewhere
        return {
            "pseudonym": self.pseudonym,
            "purged_before": None if self.purged_at is None else in_utc(self.purged_at),
            "outcomes": ledger.outcomes,
            "billing_events": ledger.billing_events,
            "outcome_keys": ledger.keys,
            "actions": ledger.actions,
            "bodies": self.bodies,
            "shared_bodies": self.shared_bodies,
            "texts": elsewhere.texts,
            "left": {
                "bodies_that_billed_nothing": dict(sorted(elsewhere.unlinked.items())),
                "bodies_with_its_text": elsewhere.mentions,
                "deliveries_with_its_text": elsewhere.mentioned_in,
                "mapping_versions": elsewhere.versions,
            },
        }
