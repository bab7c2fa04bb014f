"""`python -m tests.crashes` prints the crash points; with `--write` they go to the page."""

from __future__ import annotations

import sys

from tests.crashes.points import MOMENTS, ROOT, sites
from tests.crashes.scenario import scenarios

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- crash points: begin -->\n", "<!-- crash points: end -->\n"
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
    """What stands on the page between the marks."""
    found = sites()
    points = sum(len(MOMENTS[one.kind]) for one in found)
    tests = sum(len(one.moments) for one in scenarios())
    lines = [HEADER, tuple("---" for _ in HEADER), *rows()]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{len(found)} places, {points} points, {tests} tests:\n\n{table}\n"


def on_page() -> str:
    """What stands there now."""
    return PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]


def main() -> None:
    """Print, or write."""
    if "--write" in sys.argv[1:]:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(before + BEGIN + text() + END + rest.partition(END)[2], "utf-8")
    else:
        print(text(), end="")  # noqa: T201 -- this is what it is for


if __name__ == "__main__":
    main()
