"""Coverage-guided fuzzing by hand: `make fuzz`, or `python -m tests.fuzz [--seconds N] [TARGET …]`.

Each target runs in a process of its own, from the seeds and from what earlier runs found worth
keeping (var/fuzz). What ends one is kept there and shown again with `--again TARGET FILE`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

KEPT = Path("var") / "fuzz"
TARGETS = ("signatures", "payloads", "maps", "files", "questions")
#: One input may take this long and this much, or it is a finding.
SECONDS_EACH, MEMORY_MIB = 10, 1500


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 where a target found something."""
    given = _parse(arguments)
    if given.again:
        target, file = given.again
        _check_of(target)(Path(file).read_bytes())
        print(f"fuzz: {target}: nothing is wrong with {file}")
        return 0
    if given.one:
        _fuzz(given.one, given.seconds)
    if importlib.util.find_spec("atheris") is None:
        print(
            "fuzz: SKIPPED, atheris has no wheel for this Python or this machine; "
            "the suite runs the same targets without it (tests/fuzz/test_targets.py)"
        )
        return 0
    found = [name for name in given.targets or TARGETS if _run(name, given.seconds)]
    print(f"fuzz: {'found something in ' + ', '.join(found) if found else 'nothing found'}")
    return int(bool(found))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--again", nargs=2, metavar=("TARGET", "FILE"), help="one input once more")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _run(name: str, seconds: int) -> bool:
    """Run one target; whether it found something."""
    print(f"fuzz: {name} for {seconds} s", flush=True)
    command = [sys.executable, "-m", "tests.fuzz", "--one", name, "--seconds", str(seconds)]
    ended = subprocess.run(command, check=False)
    if ended.returncode:
        print(f"fuzz: {name} found something: python -m tests.fuzz --again {name} {KEPT / name}/…")
    return bool(ended.returncode)


def _fuzz(name: str, seconds: int) -> None:
    """Fuzz in this process until the time is up or something is found; does not return."""
    import atheris  # noqa: PLC0415 - it is not everywhere

    with atheris.instrument_imports(include=["receiver", "mappings", "jobs"]):
        check = _check_of(name)
    corpus = KEPT / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in importlib.import_module(f"tests.fuzz.targets.{name}").seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_EACH}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-artifact_prefix={KEPT / name}/",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], check)
    atheris.Fuzz()


def _check_of(name: str) -> Callable[[bytes], None]:
    check: Callable[[bytes], None] = importlib.import_module(f"tests.fuzz.targets.{name}").check
    return check


if __name__ == "__main__":
    sys.exit(main())
