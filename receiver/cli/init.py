"""Make a folder of your own: mappings, prices, secrets. `receiver up` runs in it."""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from receiver.authoring.folder import ENV, folder_files
from receiver.authoring.library import ReadyMade, library
from receiver.cli.common import options as arg
from receiver.cli.common.consent import can_ask
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.files import ORDINARY, OWNER_ONLY, write_new
from receiver.cli.common.ready_made import entry_of
from receiver.terminal.output import Output, counted

EXAMPLES = ("receiver init billing", "receiver init billing --with stripe,zendesk")

#: Copied where nothing is chosen: `receiver up` makes throw-away secrets for them.
DEFAULT = ("approvals", "github", "hubspot", "zendesk")
TOKEN_BYTES = 32


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder; created if it does not exist.")
    ],
    vendors: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="ENTRY,ENTRY",
            help="Ready-made mappings to copy; asked on a terminal by default.",
            show_default=False,
        ),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Write the folder; CommandError that names existing files, with nothing written."""
    out = Output(as_json=as_json)
    if folder.exists() and not folder.is_dir():
        raise CommandError(f"{folder} is a file; name a folder", code=MISUSE)
    entries = _chosen_entries(_asked(out) if vendors is None else vendors)
    files = folder_files(entries, token=secrets.token_urlsafe(TOKEN_BYTES))
    _refuse_existing(folder, files)
    for name, body in files.items():
        write_new(folder / name, body, mode=OWNER_ONLY if name == ENV else ORDINARY)
    sources = [source for entry in entries for source in entry.sources]
    out.json_if_asked(
        {"folder": str(folder), "sources": sources, "written": [str(folder / f) for f in files]}
    )
    tops = {f"{name.partition('/')[0]}/" if "/" in name else name for name in files}
    out.line(f"{folder} has {counted(len(files), 'file')}: {', '.join(sorted(tops))}")
    if sources:
        out.line(f"sources, all in shadow: {', '.join(sources)}")
    out.line("next:")
    if folder.resolve() != Path.cwd():
        out.command(shlex.join(["cd", str(folder)]))
    for command in ("receiver check", "receiver up"):
        out.command(command)


def _chosen_entries(names: Iterable[str]) -> list[ReadyMade]:
    """The entries of these names, commas between them; CommandError for one that is not there."""
    words = [word.strip() for text in names for word in text.split(",") if word.strip()]
    wanted = {entry_of(word).name for word in words}
    return [entry for name, entry in library().items() if name in wanted]


def _asked(out: Output) -> Sequence[str]:
    """The names typed on the terminal; without one the default."""
    if out.as_json or not can_ask():
        return DEFAULT
    out.say(f"ready-made mappings: {', '.join(library())}")
    answer = out.ask(f"Which of them, separated by commas? [{','.join(DEFAULT)}] ")
    return [answer] if answer else DEFAULT


def _refuse_existing(folder: Path, files: Iterable[str]) -> None:
    existing = [name for name in files if os.path.lexists(folder / name)]
    if existing:
        listed = ", ".join(str(folder / name) for name in existing)
        remedy = "remove what you do not need, or name another folder"
        raise CommandError(f"nothing was written, since these exist already: {listed}; {remedy}")
