"""`init`: a folder of one's own, with the vendors chosen from the ready-made mappings."""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from mappings.engine.common.suggest import completed
from receiver.authoring.folder import ENV, folder_files
from receiver.authoring.library import Entry, library
from receiver.cli.common.consent import can_ask
from receiver.cli.common.errors import MISUSE, Trouble
from receiver.cli.common.files import ORDINARY, OWNER_ONLY, write_new
from receiver.terminal.output import Output, counted

#: Copied where nothing is chosen: `receiver up` makes throw-away secrets for them.
DEFAULT = ("approvals", "github", "hubspot", "zendesk")
TOKEN_BYTES = 32


def init(folder: Path, *, vendors: Sequence[str] | None, as_json: bool) -> None:
    """Write the folder; Trouble that names what is there already, with nothing written."""
    out = Output(as_json=as_json)
    if folder.exists() and not folder.is_dir():
        raise Trouble(f"{folder} is a file; name a folder", code=MISUSE)
    if vendors is None:
        vendors = _asked(out) if can_ask() and not as_json else DEFAULT
    entries = chosen_entries(vendors)
    files = folder_files(entries, token=secrets.token_urlsafe(TOKEN_BYTES))
    _refuse_existing(folder, files)
    for name, body in files.items():
        write_new(folder / name, body, mode=OWNER_ONLY if name == ENV else ORDINARY)
    sources = [source for entry in entries for source in entry.sources]
    out.json_if_asked(
        {"folder": str(folder), "sources": sources, "written": [str(folder / f) for f in files]}
    )
    out.line(f"{folder} has {counted(len(files), 'file')}: {', '.join(sorted(_tops(files)))}")
    if sources:
        out.line(f"sources, all in shadow: {', '.join(sources)}")
    out.line("next:")
    if folder.resolve() != Path.cwd():
        out.command(shlex.join(["cd", str(folder)]))
    for command in ("receiver check", "receiver up"):
        out.command(command)


def chosen_entries(names: Iterable[str]) -> list[Entry]:
    """The entries of these names, commas between them; Trouble for one that is not there."""
    words = [word.strip() for text in names for word in text.split(",") if word.strip()]
    wanted = {entry_of(word).name for word in words}
    return [entry for name, entry in library().items() if name in wanted]


def entry_of(name: str) -> Entry:
    """The ready-made mapping of that name; Trouble with the nearest otherwise."""
    found = library().get(name)
    if found is not None:
        return found
    names = list(library())
    near = completed(name, names)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
    raise Trouble(f"there is no ready-made mapping {name!r}; {hint}", code=MISUSE)


def _asked(out: Output) -> Sequence[str]:
    out.say(f"ready-made mappings: {', '.join(library())}")
    answer = out.ask(f"Which of them, separated by commas? [{','.join(DEFAULT)}] ")
    return [answer] if answer else DEFAULT


def _refuse_existing(folder: Path, files: Iterable[str]) -> None:
    existing = [name for name in files if os.path.lexists(folder / name)]
    if existing:
        listed = ", ".join(str(folder / name) for name in existing)
        remedy = "remove what you do not need, or name another folder"
        raise Trouble(f"nothing was written, since these exist already: {listed}; {remedy}")


def _tops(files: Iterable[str]) -> set[str]:
    return {f"{name.partition('/')[0]}/" if "/" in name else name for name in files}
