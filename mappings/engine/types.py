"""The records that pass between the mapping language and the rest.

Owns: what goes into a mapping (`DeliveryInput`) and what comes out (`Mapped`: outcomes and
failures). Refuses: any behaviour beyond what follows from the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from mappings.engine.reasons import Reason

#: An outcome older than this many days at receipt is taken for a wrong unit of time.
OLDEST_DAYS = 400
#: An outcome further ahead of receipt than this many seconds likewise.
AHEAD_SECONDS = 300


class Kind(StrEnum):
    """What an outcome does to the ledger of its key."""

    CHARGE = "charge"
    REVERSAL = "reversal"
    REINSTATEMENT = "reinstatement"


class AmountRule(StrEnum):
    """Which charge is owed where several come between two reversals: the earliest or the latest."""

    FIRST = "first"
    LATEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryInput:
    """One POST as the mapping sees it.

    `headers` have lower-case names. `received_at` is aware, UTC. `vendor_id` is the vendor's
    delivery id where the signature covers it, else None. `oldest_days` None switches the age
    limits on `occurred_at` off (examples carry old times). `judged_at` is now, where it is settled
    later than it was received: a time that was too far ahead of receipt may have passed, as after
    receipt by a clock that was slow. `redacted` values were taken out of it
    before it was stored.
    """

    source: str
    body: bytes
    headers: Mapping[str, str]
    received_at: datetime
    judged_at: datetime | None = None
    vendor_id: str | None = None
    oldest_days: int | None = OLDEST_DAYS
    redacted: int = 0


class Triple(NamedTuple):
    """What is billed for: an agent, a customer and an indicator."""

    agent_id: str | None
    customer_id: str | None
    indicator: str | None

    def __str__(self) -> str:
        return " / ".join(str(part) for part in self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an outcome bills. The ledger has a column for each field, and copies all of them."""

    agent_id: str | None
    customer_id: str | None
    indicator: str | None
    amount_micros: int | None = None
    currency: str | None = None
    price_version: str | None = None
    meta_tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def triple(self) -> Triple:
        """Agent, customer and indicator together."""
        return Triple(self.agent_id, self.customer_id, self.indicator)

    @property
    def bill(self) -> tuple[int | None, str | None, Triple]:
        """What a customer sees of a charge: amount, currency and triple."""
        return (self.amount_micros, self.currency, self.triple)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Terms):
    """What happened in one event according to one rule, priced.

    A charge has all of agent_id, customer_id, indicator, amount_micros (integer millionths of
    the currency's major unit) and currency, and its `amount_rule` counts. A reversal or a
    reinstatement may lack the triple and has no amount: it takes back or brings back what a charge
    posted. `occurred_at` is None where the rule maps none.
    """

    event_index: int
    rule: str
    key: str
    kind: Kind
    occurred_at: datetime | None
    value: Decimal | None = None
    mapping_version: str
    amount_rule: AmountRule = AmountRule.FIRST

    @property
    def terms(self) -> Terms:
        """What it bills, alone."""
        return Terms(**{name: getattr(self, name) for name in Terms.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why one event of a delivery cannot be billed: one sentence, and where to look.

    `detail` names rule, field and expression where there are any, and the remedy.
    """

    reason: Reason
    detail: str
    rule: str | None = None
    field: str | None = None
    expression: str | None = None
    event_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """All outcomes and failures of one delivery.

    With any failure nothing of the delivery bills; `outcomes` are then those it holds back.
    """

    outcomes: tuple[Outcome, ...]
    failures: tuple[Failure, ...]
    events: int
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class FileProblem:
    """One thing wrong in one file: where, what, and what to write instead.

    `line` and `column` count from 1; 0 means the file as a whole.
    """

    file: str
    line: int
    column: int
    message: str
    remedy: str

    @classmethod
    def at(cls, file: str, place: tuple[int, int] | None, message: str, remedy: str) -> FileProblem:
        """A problem at a line and column; at no place it concerns the file as a whole."""
        line, column = place or (0, 0)
        return cls(file=file, line=line, column=column, message=message, remedy=remedy)

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""
        return f"{self.file}{place}: {self.message} {self.remedy}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionText:
    """The text behind a version hash, kept with what it billed.

    `kind` is mapping, catalogue or table. `parts` are the versions of the tables a mapping
    looks things up in, by name.
    """

    kind: str
    name: str
    text: str
    parts: Mapping[str, str] = field(default_factory=dict)
