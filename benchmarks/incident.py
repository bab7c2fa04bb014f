"""`make bench-incident`: an incident of a size, and what it costs the traffic of the day.

`python -m benchmarks.incident --deliveries 100000` for another size. A replay of so many failed
deliveries runs while live ones come in at a steady pace; the same pace without it is what their
latency is compared with. Everything shares this machine: only the ratios are good elsewhere.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import load, servers
from benchmarks.__main__ import request, ways_ms
from tests.support.backlog import put_in
from tests.support.postgres import Postgres
from tests.support.processes import Process, wait_until
from tests.support.service import Service

DELIVERIES = 100_000
#: Live deliveries with nothing else to do, and the pause between two.
LIVE = 300
PAUSE_SECONDS = 0.03
#: So many put in at a time, to keep this process small.
PORTION = 10_000

Figures = dict[str, str]


@dataclass
class Live:
    """What live deliveries met: the answer to their POST, and the way to `recorded`."""

    answers_ms: list[float] = field(default_factory=list)
    ways_ms: list[float] = field(default_factory=list)
    refused: int = 0

    def shown(self, beside: Live | None = None) -> Figures:
        """Medians and 99th percentiles, with the ratio to another's."""
        found = {}
        for name in ("answers", "ways"):
            mine: list[float] = getattr(self, f"{name}_ms")
            theirs: list[float] = getattr(beside, f"{name}_ms") if beside else []
            label = "POST to 202" if name == "answers" else "POST to settled"
            for p, of in (("p50", 50), ("p99", 99)):
                value = _percentile(mine, of)
                ratio = f" ({value / _percentile(theirs, of):.1f} x)" if theirs else ""
                found[f"{label}, {p}"] = f"{value:,.0f} ms{ratio}"
        return found | {"refused": str(self.refused)}


def _percentile(values: list[float], of: int) -> float:
    return statistics.quantiles(values, n=100)[of - 1]


def send_live(service: Service, go_on: Callable[[int], bool]) -> Live:
    """One delivery after the other for as long as `go_on` of their number is true."""
    port = urlsplit(service.web.url).port or 0
    live = Live()
    sent_at: list[float] = []
    while go_on(len(sent_at)):
        at = time.time()
        answer = load.run(port, [request()], connections=1)
        if answer.statuses == {202: 1}:
            live.answers_ms += answer.latencies_ms
            sent_at.append(at)
        else:
            live.refused += 1
        time.sleep(PAUSE_SECONDS)
    wait_until(service.all_settled, seconds=60, what="settling the last")
    live.ways_ms = ways_ms(service, sent_at)
    return live


@dataclass
class Watched:
    """A process whose memory is looked at while something goes on."""

    process: Process

    @property
    def peak_mb(self) -> float:
        """The most that it has had."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1000
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6


def put_failed(service: Service, count: int) -> None:
    """Deliveries that failed for want of a price that is there by now."""
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    state: dict[str, Any] = {"state": "failed", "reason": "unpriced", "rule": "resolved"}
    for first in range(0, count, PORTION):
        event = {"type": "ticket.resolved", "customer": "acme", "text": "x" * 600, "at": at}
        payloads = [event | {"ticket": f"F-{n}"} for n in range(first, min(count, first + PORTION))]
        put_in(service.database.url, payloads, source="bench", detail="no price", **state)


@contextlib.contextmanager
def timed(figures: Figures, name: str) -> Iterator[None]:
    """How long what is inside took."""
    began = time.perf_counter()
    yield
    figures[name] = f"{time.perf_counter() - began:,.1f} s"


def measure(service: Service, count: int) -> Figures:
    """The whole incident on one database."""
    figures: Figures = {}
    worker = Watched(service.start_worker())
    web = Watched(service.web)
    send_live(service, lambda number: number < LIVE // 3)  # caches warm
    alone = send_live(service, lambda number: number < LIVE)
    put_failed(service, count)
    before = worker.peak_mb
    with timed(figures, "failures"):
        service.ask("failures")
    with timed(figures, "dry run"):
        service.run("replay", "--reason", "unpriced", "--dry-run", "--json", seconds=1_200)
    with timed(figures, "asking for the replay"):
        started = service.ask("replay", "--reason", "unpriced", "--yes")
    with timed(figures, "replay, with live traffic"):
        beside = send_live(
            service, lambda number: number < LIVE // 3 or not _done(service, started)
        )
    ended = service.api(f"replays/{started['id']}")
    assert ended["recorded"] == count, ended  # noqa: S101 -- else it measures something else
    figures |= {f"alone: {name}": value for name, value in alone.shown().items()}
    figures |= {f"beside: {name}": value for name, value in beside.shown(alone).items()}
    figures["worker's memory"] = f"{before:.0f} → {worker.peak_mb:.0f} MB"
    figures["web's memory"] = f"{web.peak_mb:.0f} MB"
    return figures


def _done(service: Service, started: dict[str, Any]) -> bool:
    return bool(service.api(f"replays/{started['id']}")["state"] == "done")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=DELIVERIES)
    count = parser.parse_args().deliveries
    found: dict[str, Figures] = {}
    with contextlib.closing(Postgres()) as postgres, tempfile.TemporaryDirectory() as root:
        for name, server in (("SQLite", None), ("PostgreSQL", postgres)):
            print(f"{name}: {count:,} failed deliveries …", flush=True)
            with servers.receiver(Path(root) / name, server) as service:
                found[name] = measure(service, count)
    table = Table(
        title=f"a replay of {count:,} beside live traffic; in brackets the ratio to alone"
    )
    for column in ("", *found):
        table.add_column(column, justify="right" if column else "left")
    for line in found["SQLite"]:
        table.add_row(line, *(figures[line] for figures in found.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
