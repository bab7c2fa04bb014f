"""`make bench`: durable intake and the way to a settled delivery, beside a bare `202`.

Everything runs on this machine at once, client included, so numbers are only good against each
other: hence the ratios. Rounds alternate between the servers; medians are shown.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import itertools
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from benchmarks import load, servers
from tests.support.postgres import Postgres
from tests.support.processes import wait_until
from tests.support.service import Service

ROUNDS = 3
#: Connections: one vendor at rest, and many at once.
CONNECTIONS = (1, 64)
#: Requests in a round, by connections: some seconds each on a small machine.
REQUESTS = {1: 400, 64: 4_000}
#: Deliveries posted one by one for the time from POST to settled.
ALONE = 100
PATH = "/webhooks/bench"
NUMBERS = itertools.count(1)

Figures = dict[str, dict[str, list[float]]]


def request() -> bytes:
    """A signed POST about a ticket of its own."""
    event = {
        "type": "ticket.resolved",
        "ticket": f"T-{next(NUMBERS)}",
        "customer": "acme-corp",
        "at": datetime.now(UTC).isoformat(),
        "text": "x" * 600,
    }
    body = json.dumps(event).encode()
    digest = hmac.digest(servers.SECRET.encode(), body, hashlib.sha256).hex()
    headers = {
        "Content-Type": "application/json",
        "X-Hub-Signature-256": f"sha256={digest}",
        "X-GitHub-Delivery": str(next(NUMBERS)),
    }
    return load.raw_request(PATH, headers, body)


def measure_intake(figures: dict[str, list[float]], port: int) -> None:
    """Requests a second, each answered 202."""
    for connections in CONNECTIONS:
        posts = [request() for _ in range(REQUESTS[connections])]
        found = load.run(port, posts, connections=connections)
        assert set(found.statuses) == {202}, found.statuses  # noqa: S101 -- else it measures refusals
        figures[f"intake, {connections} at once"].append(found.per_second)


def measure_settling(figures: dict[str, list[float]], service: Service, port: int) -> None:
    """The backlog of the intake in deliveries a second, then the way of lone deliveries."""
    waiting = service.api("status")["received"]
    started_at = time.perf_counter()
    service.start_worker()
    wait_until(service.all_settled, seconds=300, what="settling the backlog")
    figures["settling a backlog"].append(waiting / (time.perf_counter() - started_at))
    sent_at = []
    answers_ms: list[float] = []
    for _ in range(ALONE):
        sent_at.append(time.time())
        answers_ms += load.run(port, [request()], connections=1).latencies_ms
        time.sleep(0.01)
    wait_until(service.all_settled, seconds=60, what="settling")
    ways = ways_ms(service, sent_at)
    figures["POST to 202"].append(statistics.median(answers_ms))
    figures["POST to settled"].append(statistics.median(ways))
    figures["POST to settled, p95"].append(statistics.quantiles(ways, n=20)[-1])


def ways_ms(service: Service, sent_at: Sequence[float]) -> list[float]:
    """From being sent to being settled, of the newest deliveries, one for each time of sending."""
    items: list[dict[str, str]] = []
    cursor: dict[str, str] = {}
    while len(items) < len(sent_at):
        page = service.api("deliveries", limit=min(1_000, len(sent_at) - len(items)), **cursor)
        items += page["items"]
        cursor = {"cursor": page["next"]}
    settled_at = [datetime.fromisoformat(item["settled_at"]).timestamp() for item in items[::-1]]
    return [(end - start) * 1000 for start, end in zip(sent_at, settled_at, strict=True)]


def run_round(figures: Figures, root: Path, postgres: Postgres) -> None:
    """Each server once."""
    with servers.echo(root) as port:
        measure_intake(figures["bare 202"], port)
        alone = load.run(port, [request() for _ in range(ALONE)], connections=1)
        figures["bare 202"]["POST to 202"].append(statistics.median(alone.latencies_ms))
    for name, server in (("SQLite", None), ("PostgreSQL", postgres)):
        with servers.receiver(root / name, server) as service:
            port = urlsplit(service.web.url).port or 0
            measure_intake(figures[name], port)
            measure_settling(figures[name], service, port)


def show(figures: Figures) -> None:
    """Medians of the rounds, each with its ratio to the bare 202 where that has one."""
    table = Table(title=f"medians of {ROUNDS} rounds; in brackets the ratio to the bare 202")
    table.add_column("")
    for name in figures:
        table.add_column(name, justify="right")
    for line in dict.fromkeys(line for found in figures.values() for line in found):
        unit = "ms" if line.startswith("POST") else "/s"
        bare = figures["bare 202"].get(line)
        table.add_row(line, *(_cell(found.get(line), bare, unit) for found in figures.values()))
    Console().print(table)


def _cell(values: Sequence[float] | None, bare: Sequence[float] | None, unit: str) -> str:
    if not values:
        return ""
    middle = statistics.median(values)
    shown = f"{middle:,.1f} ms" if unit == "ms" else f"{middle:,.0f}/s"
    if bare is None or bare is values:
        return shown
    return f"{shown} ({middle / statistics.median(bare):.2f} x)"


def main() -> None:
    """Measure and print."""
    figures: Figures = defaultdict(lambda: defaultdict(list))
    with contextlib.closing(Postgres()) as postgres:
        for number in range(1, ROUNDS + 1):
            print(f"round {number} of {ROUNDS} …", flush=True)
            with tempfile.TemporaryDirectory() as root:
                run_round(figures, Path(root), postgres)
    show(figures)


if __name__ == "__main__":
    main()
