"""The ready-made mapping that a name means."""

from __future__ import annotations

from mappings.engine.common.suggest import completed
from receiver.authoring.library import ReadyMade, library
from receiver.cli.common.errors import MISUSE, CommandError


def entry_of(name: str) -> ReadyMade:
    """The ready-made mapping of that name; CommandError with the nearest name otherwise."""
    entry = library().get(name)
    if entry is not None:
        return entry
    names = list(library())
    near = completed(name, names)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
    raise CommandError(f"there is no ready-made mapping {name!r}; {hint}", code=MISUSE)
