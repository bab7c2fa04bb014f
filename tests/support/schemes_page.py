"""The tables of docs/schemes.md that follow from the presets.

`python -m tests.support.schemes_page` writes them again. Each stands behind a line that names it.
"""

from __future__ import annotations

from tests.support.markdown import ROOT
from tests.support.scheme_tables import formulas_table, placeholders_table, presets_table

PAGE = ROOT / "docs" / "schemes.md"
COMMAND = "python -m tests.support.schemes_page"


def tables() -> dict[str, str]:
    """Each table, by the name in the comment above it."""
    return {
        "presets": presets_table(),
        "placeholders": placeholders_table(),
        "formulas": formulas_table(),
    }


def as_page(text: str) -> str:
    """The page with its tables as they would be made now."""
    for name, table in tables().items():
        before, mark, rest = text.partition(f"<!-- made: {name} -->\n\n")
        assert mark, f"docs/schemes.md has no place for the table of {name}"
        behind = rest[rest.index("\n\n") + 2 :] if rest.startswith("|") else rest
        text = f"{before}{mark}{table}\n{behind}"
    return text


if __name__ == "__main__":
    PAGE.write_text(as_page(PAGE.read_text("utf-8")), "utf-8")
