"""What an audit found: the records that pass between looking, keeping and showing.

Owns their shape and how many faults are kept in words. Refuses to hold what a delivery says: a
fault names ids, keys, kinds and amounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: So many faults are kept in words; the others are counted.
SHOWN = 20

#: Each audit by name: what it compares, and what to do where it finds something.
REMEDIATIONS: Mapping[str, str] = {
    "balance": "Deliveries were lost or added by hand: keep a copy of the database, look into it "
    "with `receiver deliveries`, and compare with the vendor's list of deliveries.",
    "books": "The ledger was changed by hand, or this is a bug: keep a copy of the database, see "
    "`receiver show DELIVERY`, and correct with `receiver reverse` what was billed wrongly.",
    "records": "The records were changed by hand, or this is a bug: keep a copy of the database "
    "and see `receiver show DELIVERY`.",
    "corrections": "Outcomes or actions were changed by hand in the database: keep a copy of it, "
    "and correct with `receiver reverse`, which records both.",
    "waiting": "The database's clock was set back, or somebody changed the rows: they are taken "
    "up once the clock is there; set it right.",
    "replays": "See the workers' logs, and start `receiver work` anew; a replay goes on by itself.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: what it is about (a key, an id), and a sentence."""

    about: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one round of an audit came to.

    `found` counts what is wrong and known of, `says` are the first of them in words. `progress`
    is what the next round goes on from. `is_whole` says that everything there is was looked at.
    """

    found: int
    says: tuple[str, ...] = ()
    progress: Mapping[str, Any] = field(default_factory=dict)
    is_whole: bool = True

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> Looked:
        """A round that looked at everything and has nothing to go on from."""
        listed = [fault.says for fault in faults]
        return cls(found=len(listed), says=tuple(listed[:SHOWN]))


@dataclass(frozen=True, slots=True)
class Audited:
    """What is kept of an audit's last round; `checked_at` None: none has ended yet."""

    name: str
    found: int
    says: tuple[str, ...]
    checked_at: datetime | None
