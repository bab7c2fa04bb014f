"""`python -m tests.chaos`: disturb a whole service for a while and prove that nothing was lost.

Exit code 0 when everything acknowledged is there once and at the right amount; 1 otherwise.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.parts import Config
from tests.chaos.run import run


def main() -> int:
    options = _options()
    # Our own connections are cut like all others, which the pool would tell in tracebacks.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    directory = Path(tempfile.mkdtemp(prefix="receiver-chaos-"))
    _say(f"chaos: seed {seed}, {options.seconds:g} s on {options.database}, traces in {directory}")
    report = run(
        Config(
            seconds=options.seconds,
            seed=seed,
            directory=directory,
            database=options.database,
            rate=options.rate,
            faults_per_minute=options.faults_per_minute,
            processes=options.processes,
        )
    )
    _say(str(report))
    if options.keep or not report.passed:
        _say(f"logs, record.jsonl and faults.jsonl are kept in {directory}")
    else:
        shutil.rmtree(directory)
    return 0 if report.passed else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long it is disturbed")
    parser.add_argument("--seed", type=int, help="the same seed makes the same plan")
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--rate", type=float, default=15, help="messages a second")
    parser.add_argument("--faults-per-minute", type=float, default=25)
    parser.add_argument("--processes", type=int, default=2, help="of web and of workers, each")
    parser.add_argument("--keep", action="store_true", help="keep logs and records of a good run")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
