"""What happens to each key, invented from a seed: the independent side of the comparison.

Owns keys, times, amounts and customers, worked out from the design's words and the mapping files
of this folder; knows nothing of `jobs` or `mappings`. What a key owes is `tests.jobs.model`'s.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from tests.jobs.model import ModelOutcome

#: Customers that the tables know from the start, and the one that is added after the run.
ACCOUNTS = {"A-1": "acme", "A-2": "globex", "A-3": "initech"}
MISSING_ACCOUNT, MISSING_CUSTOMER = "A-9", "umbrella"
UNMAPPED = "unmapped"
#: Lines of business, and how often a story is about each.
LINES = {"ticket": 5, "deal": 4, "invoice": 3, "meeting": 2}
CURRENCIES = {"ticket": "USD", "deal": "EUR", "invoice": "USD", "meeting": "EUR"}
#: Which amount counts where a line is charged twice.
AMOUNTS = {"deal": "latest"}
#: How many turns a key takes: charged; and taken back; and charged again, or brought back …
TURNS = {1: 45, 2: 25, 3: 15, 4: 10, 5: 5}
#: The price of a ticket changed so long before the run.
CHANGED_DAYS = 60
HAPPENED_DAYS = (1.0, 150.0)
COPIED = 0.08
CHARGED_TWICE = 0.15
SAME_MOMENT = 0.2
BROUGHT_BACK = 0.3
MICROS = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Step:
    """One event of one key: what is said of it, and what it was worth where that sets the price."""

    line: str
    name: str
    account: str
    said: ModelOutcome
    value: str | None = None

    @property
    def key(self) -> str:
        """As the design writes an outcome key."""
        place = {
            "ticket": ["desk", "solved"],
            "deal": ["crm", "deal-won"],
            "invoice": ["invoice", ""],
            "meeting": ["calendar", "held"],
        }[self.line]
        return json.dumps([*place, self.name], separators=(",", ":"))

    @property
    def pool(self) -> str:
        """Its line, with the deals of the missing account apart."""
        return UNMAPPED if self.account == MISSING_ACCOUNT else self.line

    @property
    def customer(self) -> str:
        return ACCOUNTS.get(self.account, MISSING_CUSTOMER)

    @property
    def is_charge(self) -> bool:
        return self.said.kind == "charge"


@dataclass
class Stories:
    """Many keys at once, each reported event by event, in any order."""

    seed: int
    started: datetime
    open_stories: int = 40
    _random: random.Random = field(init=False)
    _open: list[list[Step]] = field(default_factory=list)
    _made: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    @property
    def price_changed(self) -> datetime:
        """00:00 UTC of the day from which a ticket costs more."""
        day = self.started - timedelta(days=CHANGED_DAYS)
        return day.replace(hour=0, minute=0, second=0, microsecond=0)

    def tell(self, pool: str) -> Step:
        """Any event still to come of any open story of that line, or of the missing account."""
        while True:
            fitting = [one for one in self._open if one[0].pool == pool]
            if fitting and len(self._open) >= self.open_stories:
                story = self._random.choice(fitting)
                step = story.pop(self._random.randrange(len(story)))
                if not story:
                    self._open.remove(story)
                return step
            anything = self._random.choices([*LINES], [*LINES.values()])[0]
            self._open.append(self._story(anything if fitting else pool))

    def _story(self, pool: str) -> list[Step]:
        pick = self._random
        line = "deal" if pool == UNMAPPED else pool
        self._made += 1
        account = MISSING_ACCOUNT if pool == UNMAPPED else pick.choice([*ACCOUNTS])
        steps = [
            self._step(line, f"{line}-{self._made}", account, kind, at)
            for kind, at in self._turns(line)
        ]
        return steps + [one for one in steps if pick.random() < COPIED]

    def _turns(self, line: str) -> list[tuple[str, datetime]]:
        """Kinds and times along a key's line; no two charges of one moment."""
        pick = self._random
        at = self.started - timedelta(seconds=int(86_400 * pick.uniform(*HAPPENED_DAYS)))
        found = []
        for turn in range(pick.choices([*TURNS], [*TURNS.values()])[0]):
            kind = "reversal" if turn % 2 else "charge"
            if turn and not (kind == "reversal" and pick.random() < SAME_MOMENT):
                at += timedelta(seconds=pick.randint(1, 7_200))
            found.append((kind, at))
            if kind == "charge" and line != "meeting" and pick.random() < CHARGED_TWICE:
                at += timedelta(seconds=pick.randint(1, 7_200))
                found.append((kind, at))
            if kind == "reversal" and pick.random() < BROUGHT_BACK:
                at += timedelta(seconds=pick.randint(1, 7_200))
                found.append(("reinstatement", at))
        return found

    def _step(self, line: str, name: str, account: str, kind: str, at: datetime) -> Step:
        seconds = None if line == "meeting" else int(at.timestamp())
        value = f"{self._random.uniform(0, 30_000):.2f}" if line == "deal" else None
        if kind != "charge":
            return Step(line, name, account, ModelOutcome(kind, seconds), None)
        micros = int(self._price(line, account, at, value) * MICROS)
        customer = ACCOUNTS.get(account, MISSING_CUSTOMER)
        said = ModelOutcome("charge", seconds, micros, customer, AMOUNTS.get(line, "first"))
        return Step(line, name, account, said, value)

    def _price(self, line: str, account: str, at: datetime, value: str | None) -> Decimal:
        if line == "ticket":
            if ACCOUNTS[account] == "acme":
                return Decimal("0.80")
            return Decimal("0.99") if at < self.price_changed else Decimal("1.09")
        if line == "deal":
            share = Decimal(value or 0) * Decimal("2.5") / 100
            bounded = min(max(share, Decimal("1.00")), Decimal("500.00"))
            return bounded.quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
        return {"invoice": Decimal("2.50"), "meeting": Decimal("40.00")}[line]


def iso(seconds: float | None) -> str:
    """RFC 3339 text of a time."""
    assert seconds is not None
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
