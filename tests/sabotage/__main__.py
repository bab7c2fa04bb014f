"""`make sabotage`: breaks a copy of the code in one way after the other; the tests must notice.

`python -m tests.sabotage [NAME …]` tries all, or those named; `--write` puts the list on the page.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.sabotage.bench import DidNotRun, bare, bench
from tests.sabotage.sabotages import SABOTAGES, Sabotage
from tests.support.markdown import ROOT, Page, Section, table

SECTION = Section(Page(ROOT / "docs" / "reliability.md"), "sabotages")
#: Tests wait more than they work, so two take hardly longer than one.
AT_ONCE = 2
HEADER = ("sabotage", "in", "what it would cost", "who notices")


def page_text() -> str:
    """What docs/reliability.md states about them."""
    rows = [
        (
            f"`{one.name}`",
            f"`{one.file}`",
            one.why,
            ", ".join(f"`{bare(test).rpartition('/')[2]}`" for test in one.tests),
        )
        for one in SABOTAGES
    ]
    return f"{len(rows)} sabotages:\n\n{table(HEADER, rows)}"


def unnoticed(sabotage: Sabotage, *, root: Path = ROOT) -> list[str]:
    """Break a copy in this way and run its tests; those that passed all the same."""
    with bench(root) as broken:
        broken.assert_own_code_runs()
        broken.commit(sabotage)
        ran = broken.run(sabotage.tests)
    return sorted({bare(test) for test in sabotage.tests} - ran.failed)


def failing_unbroken(sabotages: Sequence[Sabotage], *, root: Path = ROOT) -> list[str]:
    """Those of the tests that fail although nothing is broken."""
    with bench(root) as whole:
        whole.assert_own_code_runs()
        return sorted(whole.run(test for one in sabotages for test in one.tests).failed)


def try_all(sabotages: Sequence[Sabotage], *, root: Path = ROOT) -> bool:
    """Try these and tell of each; whether the suite noticed them all."""
    _say("first without sabotage: all tests that are to notice one must pass")
    failing = failing_unbroken(sabotages, root=root)
    if failing:
        _say("they do not, so nothing can be concluded:", *failing, sep="\n  ")
        return False
    caught = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        trials = [pool.submit(_try, one, root) for one in sabotages]
        try:
            for trial in as_completed(trials):
                is_caught, said = trial.result()
                caught += is_caught
                _say(said)
        finally:
            pool.shutdown(cancel_futures=True)
    _say(f"{caught} of {len(sabotages)} sabotages were caught")
    return caught == len(sabotages)


def _try(sabotage: Sabotage, root: Path) -> tuple[bool, str]:
    """Whether this one is caught, and what to reports it."""
    began = time.monotonic()
    try:
        slept = unnoticed(sabotage, root=root)
    except (DidNotRun, ValueError) as error:
        return False, f"BROKEN    {sabotage.name}: {error}"
    verdict = "SURVIVES" if slept else "caught"
    seconds = time.monotonic() - began
    lines = [f"{verdict:9} {sabotage.name:34} {seconds:5.1f} s  {sabotage.file}"]
    lines += [f"          did not notice: {test}" for test in slept]
    return not slept, "\n".join(lines)


def main() -> int:
    # A stop leaves nothing behind either: it ends like a ^C, by way of all clean-ups.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = sys.argv[1:]
    if arguments == ["--write"]:
        SECTION.write(page_text())
        return 0
    known = {one.name: one for one in SABOTAGES}
    if unknown := set(arguments) - known.keys():
        _say(f"there is no sabotage {', '.join(sorted(unknown))}; there are:", *known, sep="\n  ")
        return 2
    return 0 if try_all([known[name] for name in arguments] or SABOTAGES) else 1


def _say(*words: str, sep: str = " ") -> None:
    print(*words, sep=sep, flush=True)  # noqa: T201 -- a person waits for it


if __name__ == "__main__":
    sys.exit(main())
