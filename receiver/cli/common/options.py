"""Options that several commands share: one name and one meaning each."""

from __future__ import annotations

from typing import Annotated

import typer

_WHICH = "Which deliveries"
_LINES = "Which billing events"

Json = Annotated[bool, typer.Option("--json", help="Print JSON, the same objects as the API.")]
Ids = Annotated[
    list[str] | None, typer.Argument(help="Delivery ids, or the starts of ids.", show_default=False)
]
State = Annotated[
    str | None,
    typer.Option(help="received, recorded, ignored, failed or discarded.", rich_help_panel=_WHICH),
]
Reason = Annotated[
    str | None,
    typer.Option(help="Why it failed, such as unpriced or mapping.", rich_help_panel=_WHICH),
]
Source = Annotated[str | None, typer.Option(help="Who posted it.", rich_help_panel=_WHICH)]
Rule = Annotated[str | None, typer.Option(help="The rule it failed in.", rich_help_panel=_WHICH)]
Group = Annotated[
    str | None,
    typer.Option(help="In this group, as `failures` prints it.", rich_help_panel=_WHICH),
]
Since = Annotated[
    str | None,
    typer.Option(
        help="Received then or later: 2026-01-31T08:00:00Z, a date, or a span: 1h, 7d.",
        rich_help_panel=_WHICH,
    ),
]
Until = Annotated[str | None, typer.Option(help="Received before that.", rich_help_panel=_WHICH)]
OccurredSince = Annotated[
    str | None,
    typer.Option(
        help="Occurred then or later: 2026-01-31T08:00:00Z, a date, or a span: 1h, 7d.",
        rich_help_panel=_LINES,
    ),
]
OccurredUntil = Annotated[
    str | None, typer.Option(help="Occurred before that.", rich_help_panel=_LINES)
]
RecordedSince = Annotated[
    str | None, typer.Option(help="Recorded then or later.", rich_help_panel=_LINES)
]
RecordedUntil = Annotated[
    str | None, typer.Option(help="Recorded before that.", rich_help_panel=_LINES)
]
ReceivedSince = Annotated[
    str | None,
    typer.Option(help="Its delivery was received then or later.", rich_help_panel=_LINES),
]
ReceivedUntil = Annotated[
    str | None, typer.Option(help="Its delivery was received before that.", rich_help_panel=_LINES)
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many.", show_default=False)]
MappingVersion = Annotated[
    str | None,
    typer.Option(
        metavar="VERSION",
        help="As a dry run showed it: refused where other mappings are in force by now.",
        show_default=False,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would happen and change nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed where no terminal is.")]
