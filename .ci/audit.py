"""Ask for known vulnerabilities of everything in both locks: `make audit`.

Owns the verdict: a finding fails, and so does a fault of the tool. Data that cannot be had is no
finding, but it is never passed over in silence.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
COMMAND = ("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json")
#: A requirement with all its continued lines.
_PIN = re.compile(r"^[\w.\-]+(?:\[[^\]]*\])?==(?:.*\\\n)*.*\n", re.MULTILINE)
#: How pip-audit states that it reached no one.
_AWAY = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|NameResolution|ServiceError|HTTPError|Max retries"
)

#: What pip-audit found in a lock.
Report = Mapping[str, Any]


class Unreachable(Exception):
    """The data is not to be had from here."""


class Broken(Exception):
    """pip-audit did not do its work."""


def report_on(lock: Path) -> Report:
    """What is known about a lock; raises Unreachable or Broken."""
    program = Path(sys.executable).with_name("pip-audit")
    said = subprocess.run(  # noqa: S603 - our own command, no input
        [program, *COMMAND, "--requirement", lock], check=False, capture_output=True, text=True
    )
    try:
        report: Report = json.loads(said.stdout)
    except ValueError:
        cause = Unreachable if _AWAY.search(said.stderr) else Broken
        raise cause(said.stderr.strip().splitlines()[-1:] or ["no word"]) from None
    return report


def first_pin(lock: Path) -> str:
    """The first requirement of a lock: who knows that one, knows the others."""
    found = _PIN.search(lock.read_text("utf-8"))
    if found is None:
        raise Broken(f"{lock.name} has no pinned requirement")
    return found[0]


def is_reachable(ask: Callable[[Path], Report]) -> bool:
    """Whether the data can be had, at the price of one question."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as one:
        one.write(first_pin(ROOT / LOCKS[0]))
        one.flush()
        try:
            return not any(_unknown(ask(Path(one.name))))
        except Unreachable:
            return False


def audit(ask: Callable[[Path], Report] = report_on, say: Callable[[str], None] = print) -> int:
    """The exit code: 1 with a finding or a fault, 0 without, or where there is no data."""
    if not is_reachable(ask):
        say("audit: SKIPPED, the list of known vulnerabilities cannot be reached from here")
        return 0
    code = 0
    for lock in LOCKS:
        try:
            report = ask(ROOT / lock)
        except Unreachable as error:
            say(f"audit: SKIPPED {lock}, the list cannot be reached: {error}")
            continue
        unknown, findings = sorted(_unknown(report)), list(_findings(report))
        asked = len(report["dependencies"])
        say(f"audit: {lock}: {asked - len(unknown)} packages asked about, {len(findings)} findings")
        if unknown:
            say(f"audit: NOT AUDITED in {lock}, for no one knows them: {', '.join(unknown)}")
        for finding in findings:
            say(f"audit: {finding}")
        code = code or int(bool(findings))
    return code


def _unknown(report: Report) -> Iterator[str]:
    return (one["name"] for one in report["dependencies"] if "skip_reason" in one)


def _findings(report: Report) -> Iterator[str]:
    for one in report["dependencies"]:
        for known in one.get("vulns", ()):
            fixed = ", ".join(known.get("fix_versions", ())) or "no version yet"
            yield f"{one['name']} {one['version']}: {known['id']}, fixed in {fixed}"


if __name__ == "__main__":
    try:
        sys.exit(audit())
    except Broken as error:
        sys.exit(f"audit: pip-audit failed: {error}")
