"""What `--help` prints: also on a narrow terminal, and with two examples at the end of a command.

Owns the examples; a test runs each through the parser.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import typer.core

from receiver.cli.common.completion import CHOICES, complete
from receiver.terminal.layout import wrapped_command

#: On a narrower terminal the frames with their columns would cut names of options off.
FRAMED = 80
#: More characters than the first sentence of any command's help has.
UNCUT = 1_000

EXAMPLES: Mapping[str, tuple[str, str]] = {
    "up": ("receiver up", "receiver up --demo"),
    "serve": ("receiver serve", "receiver serve --host 0.0.0.0 --strict"),
    "work": ("receiver work", "receiver work --strict"),
    "migrate": ("receiver migrate", "RECEIVER_DATABASE_URL=postgres://… receiver migrate"),
    "check": ("receiver check", "receiver check --against 7d"),
    "try": (
        "receiver try zendesk mappings/examples/zendesk-solved.json",
        "receiver try zendesk 01a208d2",
    ),
    "init": ("receiver init billing", "receiver init billing --with stripe,zendesk"),
    "new": ("receiver new desk --scheme hmac", "receiver new stripe --from stripe"),
    "example": (
        "receiver example 01a208d2",
        "receiver example 01a208d2 --out mappings/examples/desk-solved.json",
    ),
    "send": (
        "receiver send zendesk mappings/examples/zendesk-solved.json",
        "receiver send zendesk mappings/examples/zendesk-solved.json --tamper",
    ),
    "trigger": (
        "receiver trigger zendesk",
        "receiver trigger zendesk ticket-resolved ticket-reopened",
    ),
    "tail": (
        "receiver tail --source zendesk",
        "receiver tail --url https://hooks.example.com --json",
    ),
    "verify": (
        "receiver verify zendesk --request captured.http",
        "receiver verify zendesk --request captured.http --at 2026-01-31T08:00:00Z",
    ),
    "schema": ("receiver schema", "receiver schema > mappings/mapping.schema.json"),
    "schemes": ("receiver schemes", "receiver schemes stripe"),
    "pair": ("receiver pair asana --wait", "receiver pair asana --minutes 0"),
    "deliveries": (
        "receiver deliveries --since 1h",
        "receiver deliveries --state failed --source zendesk",
    ),
    "rejections": ("receiver rejections --since 1h", "receiver rejections --source zendesk"),
    "show": ("receiver show 01a208d2", "receiver show 4711"),
    "failures": ("receiver failures", "receiver failures --source zendesk --since 7d"),
    "replay": (
        "receiver replay --reason unpriced --dry-run",
        "receiver replay --group 5d0c2a9e71f4 --wait",
    ),
    "discard": (
        "receiver discard 01a208d2 --note 'test data'",
        "receiver discard --source zendesk --reason parse --note 'test data' --yes",
    ),
    "reverse": (
        "receiver reverse 01a208ed --note 'test ticket'",
        "receiver reverse --customer acme --rebill --note 'wrong price' --dry-run",
    ),
    "reinstate": (
        "receiver reinstate 01a208ed --note 'no test after all'",
        "receiver reinstate 01a208ed --note 'no test after all' --yes",
    ),
    "events": ("receiver events --customer acme --since 30d", "receiver events --csv --after ''"),
    "actions": ("receiver actions", "receiver actions --kind replay --since 7d"),
    "exceptions": (
        "receiver exceptions",
        "receiver exceptions --dismiss KEY --note 'agreed with the customer'",
    ),
    "status": ("receiver status", "receiver status --json"),
    "doctor": ("receiver doctor", "receiver doctor --send-test-alert"),
    "sources": ("receiver sources", "receiver sources zendesk"),
    "rules": ("receiver rules", "receiver rules --json"),
    "purge": (
        "receiver purge --customer acme --dry-run",
        "receiver purge --customer acme --note 'request of 3 November'",
    ),
    "timezone": ("receiver timezone", "receiver timezone Europe/Berlin --dry-run"),
    "revenue": ("receiver revenue --by customer,month", "receiver revenue --since 30d"),
}


class Group(typer.core.TyperGroup):
    """All commands, by what they are for."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the list of them; on a narrow terminal without frames."""
        columns = shutil.get_terminal_size().columns
        if columns >= FRAMED:
            super().format_help(ctx, formatter)
            return
        formatter.width = columns - 1
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                panels.setdefault("Options", []).append(record)
        for name, command in self.commands.items():
            panel = getattr(command, "rich_help_panel", None) or "Commands"
            panels.setdefault(panel, []).append((name, command.get_short_help_str(UNCUT)))
        for panel, lines in panels.items():
            with formatter.section(panel):
                formatter.write_dl(lines)


class Command(typer.core.TyperCommand):
    """A command with its examples, and with what its parameters complete to."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        complete(self, CHOICES)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write its help; on a terminal too long an example goes on behind a backslash."""
        columns = shutil.get_terminal_size().columns
        mode = self.rich_markup_mode
        if columns < FRAMED:
            self.rich_markup_mode = None
            formatter.width = columns - 1
        try:
            super().format_help(ctx, formatter)
        finally:
            self.rich_markup_mode = mode
        formatter.write("\nExamples:\n")
        for example in EXAMPLES.get(self.name or "", ()):
            for line in wrapped_command(example, columns, indent=2):
                formatter.write(f"{line}\n")
