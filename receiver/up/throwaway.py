"""Throw-away secrets, so that shipped sources can be tried before any vendor is set up.

Owns making them: once, random, in files of their owner only. Refuses to make one for a source
that somebody else wrote: a missing secret there is to be seen, not papered over.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

#: The sources whose mapping files come with this service.
SHIPPED = frozenset({"approvals", "github", "hubspot", "zendesk"})
SECRET_BYTES = 32


def make_missing(names: Iterable[str], folder: Path) -> dict[str, str]:
    """The throw-away value of each name; made now where `folder` has none yet."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return {name: _read_or_make(folder / name) for name in names}


def new_secret() -> str:
    """A secret in the form of Standard Webhooks, which other schemes take as plain text."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _read_or_make(path: Path) -> str:
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(new_secret() + "\n")
    return path.read_text("utf-8").strip()
