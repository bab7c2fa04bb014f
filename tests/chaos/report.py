"""The report at the end of a run."""

from __future__ import annotations

import statistics
import textwrap
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.books import Books
from tests.chaos.judge import KINDS, Findings
from tests.chaos.monkey import Monkey
from tests.chaos.record import Record


@dataclass
class Report:
    """Figures of a run; it passed if there is no finding."""

    seed: int
    seconds: float
    database: str
    processes: int
    findings: Findings
    lasted_seconds: float = 0.0
    settled_after_seconds: float = 0.0
    replayed: int = 0
    messages: int = 0
    requests: int = 0
    deliveries: int = 0
    acknowledged: int = 0
    unanswered_and_kept: int = 0
    keys: int = 0
    lines: int = 0
    totals: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    left_out: int = 0
    starts: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.findings

    def take(self, record: Record, books: Books, monkey: Monkey, waits: list[float]) -> None:
        """The figures as they stand when all is sent and settled, before anything is fixed."""
        self.messages = len(record.sent)
        self.requests = record.requests
        self.acknowledged = len(record.acknowledged)
        self.deliveries = len(books.rows)
        self.states = Counter(row.state for row in books.rows)
        self.keys = len(books.ledger)
        self.lines = sum(len(lines) for lines in books.ledger.values())
        self.totals = books.totals
        self.struck = monkey.struck
        self.left_out = monkey.left_out
        self.waits = sorted(waits)

    def __str__(self) -> str:
        return "\n".join([*self._figures(), *self._verdict()])

    def _figures(self) -> list[str]:
        lines = {
            "messages": f"{self.messages:,} in {self.requests:,} requests",
            "deliveries": (
                f"{self.deliveries:,} kept: {self.acknowledged:,} acknowledged, "
                f"{self.unanswered_and_kept} of which the answer was lost"
            ),
            "settled": f"{_counted(self.states)}; {self.findings.given_up} given up after 5 kills",
            "ledger": f"{self.lines:,} lines on {self.keys:,} keys: {self._money()}",
            "faults": (
                f"{self.struck.total()} ({self.left_out} left out): {_counted(self.struck)}"
            ),
            "processes": _counted(self.starts),
            "settle time": (
                f"median {self._wait(0.5):.1f} s, 99 of 100 within {self._wait(0.99):.1f} s, "
                f"worst {self._wait(1):.1f} s after the 2xx; "
                f"all {self.settled_after_seconds:.1f} s after the last fault"
            ),
            "afterwards": f"{self.replayed:,} replayed: the failed fixed, the recorded unchanged",
        }
        each = f"{self.processes} web, {self.processes} workers"
        head = f"chaos on {self.database}: {self.lasted_seconds:.0f} s, {each}, seed {self.seed}"
        return [head, *(_wrapped(name, what) for name, what in lines.items())]

    def _money(self) -> str:
        return ", ".join(f"{micros / 1e6:,.2f} {name}" for name, micros in self.totals.items())

    def _wait(self, share: float) -> float:
        """So much of all deliveries were settled within that many seconds of their 2xx."""
        if not self.waits:
            return 0.0
        if share == 0.5:
            return statistics.median(self.waits)
        return self.waits[min(len(self.waits) - 1, int(share * len(self.waits)))]

    def _verdict(self) -> list[str]:
        counts = self.findings.counts
        always, also = KINDS[:6], [kind for kind in KINDS[6:] if counts[kind]]
        judged = ", ".join(f"{counts[kind]} {kind}" for kind in [*always, *also])
        word = "passed" if self.passed else "FAILED"
        return [f"  {word:<12} {judged}", *(f"    {what}" for what in self.findings)]


def _wrapped(name: str, what: str) -> str:
    return textwrap.fill(
        what,
        96,
        initial_indent=f"  {name:<12} ",
        subsequent_indent=" " * 15,
        break_on_hyphens=False,
    )


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
