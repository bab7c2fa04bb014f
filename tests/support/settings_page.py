"""`python -m tests.support.settings_page`: the table of docs/settings.md, from the settings."""

from __future__ import annotations

import re
from pathlib import Path

from receiver.config.settings import Settings, variable

PAGE = Path(__file__).parent.parent.parent / "docs" / "settings.md"
_TABLE = re.compile(r"\| variable \|.*?\n(?=\n)", re.DOTALL)


def as_table() -> str:
    """Every setting as a Markdown table."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        rows.append(f"| `{variable(name)}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(_TABLE.sub(lambda _: as_table(), PAGE.read_text("utf-8"), count=1), "utf-8")
