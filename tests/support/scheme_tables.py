"""The tables of docs/schemes.md and docs/security.md, made of the schemes and their knobs."""

from __future__ import annotations

from collections.abc import Mapping

from receiver.signatures.describing import all_described, id_text
from receiver.signatures.formulas import (
    PLACEHOLDERS,
    content_said,
    key_said,
    signature_said,
    time_said,
)
from receiver.signatures.knobs import Knob


def presets_table() -> str:
    """The presets as a Markdown table."""
    titles = [
        *("preset", "vendor", "header", "what is signed", "replay window", "delivery id"),
        *("if captured", "strength", "remarks"),
    ]
    rows = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for one in all_described():
        cells = (
            f"`{one.scheme}`",
            one.vendor,
            f"`{one.header}`",
            ", ".join(one.signed) or "nothing",
            one.window,
            id_text(one),
            one.replay,
            one.strength,
            one.remarks,
        )
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows) + "\n"


def formulas_table() -> str:
    """Every preset's formula, as a Markdown table for docs/schemes.md."""
    rows = [
        "| preset | key | what is signed | signature | what is written |",
        "|---|---|---|---|---|",
    ]
    for one in all_described():
        name, formula = one.scheme, one.formula
        written = "<br>".join(f"`{place}`" for place in formula.written)
        time = f"<br>{time_said(formula)}" if formula.time_unit else ""
        note = f"<br>{formula.note}" if formula.note else ""
        cells = (
            f"`{name}`",
            key_said(formula) if formula.method != "none" else "none",
            f"`{content_said(formula)}`" if formula.method != "none" else "nothing",
            signature_said(formula),
            written + time + note,
        )
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows) + "\n"


def captured_table() -> str:
    """What can be made of a captured request, as a Markdown table for docs/security.md."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in all_described():
        groups.setdefault(one.captured, []).append(f"`{one.scheme}`")
    rows = ["| presets | a captured request |", "|---|---|"]
    rows += [f"| {' '.join(names)} | {' '.join(said)} |" for said, names in groups.items()]
    return "\n".join(rows) + "\n"


def placeholders_table() -> str:
    """The placeholders, as a Markdown table for docs/schemes.md."""
    rows = ["| in a formula | stands for |", "|---|---|"]
    rows += [f"| `{{{name}}}` | {meaning} |" for name, meaning in PLACEHOLDERS.items()]
    return "\n".join(rows) + "\n"


def knobs_table(knobs: Mapping[str, Knob]) -> str:
    """The knobs as a Markdown table."""
    rows = ["| key | what it means |", "|---|---|"]
    for name, knob in knobs.items():
        description = knob.description.replace("|", "\\|")
        choices = knob.shape.get("enum")
        listed = (
            f" One of {', '.join(f'`{one}`' for one in choices)}."
            if isinstance(choices, list)
            else ""
        )
        rows.append(f"| `{name}`{' (required)' if knob.required else ''} | {description}{listed} |")
    return "\n".join(rows) + "\n"
