"""Install a lock and this project into the environment that runs this: `make run`, `make setup`.

Owns what is shown meanwhile, and one sentence where the package index cannot be reached. Nothing is
kept of a try that failed but what pip has downloaded: the next one begins where this one ended.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
PIP = (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input")
#: pip waits longer after each try; the index of someone without a network stays away.
PATIENCE = ("--retries", "2", "--progress-bar", "off")
PROJECT = ("--no-deps", "--no-build-isolation", "--config-settings", "editable_mode=compat")
_PIN = re.compile(r"^[\w.\-]+(?:\[[^\]]*\])?==", re.MULTILINE)
_COLLECTING = re.compile(r"(?:Collecting|Requirement already satisfied:) ([\w.\-]+)")
#: pip's message for an index that cannot be reached; a refusal by the index is another matter.
_AWAY = re.compile(
    r"connection broken by|NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout"
    r"|ProxyError|Network is unreachable|Temporary failure in name resolution"
)
NO_NETWORK = (
    "setup: the package index cannot be reached, so not all could be installed: connect this"
    " machine to the network, or set PIP_INDEX_URL to an index that it reaches, and try again."
)
SHOWN_LINES = 12

#: Runs pip with these arguments and hands out its lines; the last item is the exit code.
Run = Callable[[tuple[str, ...]], Iterable[str | int]]


def run_pip(arguments: tuple[str, ...]) -> Iterable[str | int]:
    """The lines of pip, as they come, and its exit code."""
    with subprocess.Popen(  # noqa: S603 - our own command, no input
        [*PIP, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield from process.stdout or ()
    yield process.returncode


class Progress:
    """What is going on: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self, total: int, to: TextIO) -> None:
        self._total, self._to = total, to
        self._seen: set[str] = set()
        self._is_away = False

    def look_at(self, line: str) -> None:
        found = _COLLECTING.match(line)
        if found and found[1] not in self._seen:
            self._seen.add(found[1])
            self._show(f"setup: package {len(self._seen)} of {self._total}: {found[1]}")
        elif line.startswith("Installing collected packages"):
            self.say("setup: writing the packages to .venv")
        elif _AWAY.search(line) and not self._is_away:
            self._is_away = True
            self.say("setup: the package index does not answer; trying again")

    def say(self, text: str) -> None:
        """A line that stays."""
        print(f"\r\x1b[K{text}" if self._to.isatty() else text, file=self._to, flush=True)

    def _show(self, text: str) -> None:
        if self._to.isatty():
            print(f"\r\x1b[K{text}", end="", file=self._to, flush=True)
        elif len(self._seen) % SHOWN_LINES == 1:
            print(text, file=self._to, flush=True)


def install(lock: Path, *, run: Run = run_pip, to: TextIO = sys.stdout) -> int:
    """Install what the lock pins, then the project itself; the exit code."""
    progress = Progress(len(_PIN.findall(lock.read_text("utf-8"))), to)
    progress.say(f"setup: installing {lock.name} into .venv (once)")
    commands = (
        (*PATIENCE, "--require-hashes", "--requirement", str(lock)),
        ("--quiet", *PROJECT, "--editable", str(ROOT)),
    )
    for command in commands:
        lines: list[str] = []
        code: str | int = 1
        for item in run(command):
            if isinstance(item, int):
                code = item
            else:
                lines.append(item)
                progress.look_at(item)
        if code != 0:
            progress.say(NO_NETWORK if _AWAY.search("".join(lines)) else _said(lines))
            return 1
    progress.say("setup: done")
    return 0


def _said(lines: list[str]) -> str:
    """What pip said of its failure."""
    errors = [line.strip() for line in lines if line.startswith(("ERROR", "error"))]
    return "\n".join(
        ["setup: pip failed:", *(errors or [line.rstrip() for line in lines[-SHOWN_LINES:]])]
    )


if __name__ == "__main__":
    try:
        sys.exit(install(ROOT / sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit("setup: stopped; the next try goes on from here")
