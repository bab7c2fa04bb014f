"""Reading the repository's Markdown pages, so that tests can hold them to what is true."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^(\s*)```(\S*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CELLS = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: its language, its text, and the line it begins on."""

    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    def fences(self, language: str) -> list[Fence]:
        """The blocks of one language, in order."""
        text = self.text
        return [
            Fence(found[2], found[3], text.count("\n", 0, found.start()) + 2)
            for found in _FENCE.finditer(text)
            if found[2] == language
        ]

    def prose(self) -> str:
        """The page without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def spans(self) -> list[str]:
        """What stands between backticks in the prose."""
        return _SPAN.findall(self.prose())

    def links(self) -> list[str]:
        return _LINK.findall(self.prose())

    def anchors(self) -> set[str]:
        """The anchors that GitHub gives to headings."""
        return {_anchor(title) for title in _HEADING.findall(self.prose())}

    def table(self, *header: str) -> list[list[str]]:
        """The rows of the tables with this header, cells as written but for escaped bars."""
        rows = list(self._tables(header))
        assert rows, f"{self.name} has no table | {' | '.join(header)} |"
        return rows

    def _tables(self, header: Sequence[str]) -> Iterator[list[str]]:
        inside = False
        for line in self.prose().splitlines():
            cells = [cell.strip().replace("\\|", "|") for cell in _CELLS.split(line)[1:-1]]
            if not line.startswith("|"):
                inside = False
            elif cells == list(header):
                inside = True
            elif inside and not set(line) <= set("|-: "):
                yield cells


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page that is made by a program, between two marks that bear its name."""

    page: Page
    name: str

    @property
    def text(self) -> str:
        """What stands there now."""
        return self.page.text.partition(self._mark("begin"))[2].partition(self._mark("end"))[0]

    def write(self, text: str) -> None:
        """Put the text in the place of what stands there."""
        begin, end = self._mark("begin"), self._mark("end")
        before, found, rest = self.page.text.partition(begin)
        assert found, f"{self.page.name} has no {begin}"
        self.page.path.write_text(before + begin + text + end + rest.partition(end)[2], "utf-8")

    def _mark(self, which: str) -> str:
        return f"<!-- {self.name}: {which} -->\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, as Markdown has it."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(cell: str) -> str | None:
    """What a cell holds that is one code span; None for any other."""
    found = re.fullmatch(r"(`+) ?(.*?) ?\1", cell)
    return found[2] if found else None


def pages() -> list[Page]:
    """README and everything under docs."""
    return [Page(path) for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))]


def _anchor(title: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", title.strip().lower())
    return kept.replace(" ", "-")
