"""`python -m tests.crashes` prints the crash points; with `--write` they go to the page."""

from __future__ import annotations

import sys

from tests.crashes.points import MOMENTS, sites
from tests.crashes.scenario import scenarios
from tests.support.markdown import ROOT, Page, Section, table

SECTION = Section(Page(ROOT / "docs" / "reliability.md"), "crash points")
HEADER = ("crash point", "killed", "when", "what is shown besides")
KILLED = {"web": "the web process", "worker": "a worker", "command": "a command"}


def rows() -> list[tuple[str, ...]]:
    """One row a scenario."""
    return [
        (
            f"{one.kind} in `{one.place}`",
            KILLED[one.kills],
            "; ".join(MOMENTS[one.kind][moment] for moment in one.moments),
            one.shows,
        )
        for one in scenarios()
    ]


def text() -> str:
    """What docs/reliability.md states about them."""
    found = sites()
    points = sum(len(MOMENTS[one.kind]) for one in found)
    tests = sum(len(one.moments) for one in scenarios())
    return f"{len(found)} places, {points} points, {tests} tests:\n\n{table(HEADER, rows())}"


def main() -> None:
    """Print, or write."""
    if "--write" in sys.argv[1:]:
        SECTION.write(text())
    else:
        print(text(), end="")  # noqa: T201 -- this is what it is for


if __name__ == "__main__":
    main()
