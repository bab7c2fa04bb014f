"""Secrets that are planted, and the eye that finds them in whatever form they leak."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote


@dataclass
class Planted:
    """What is planted, by name; each is unlike anything else."""

    secrets: dict[str, str] = field(default_factory=dict)

    def plant(self, name: str, text: str | None = None) -> str:
        """A new secret; `text` where it is made up of others."""
        self.secrets[name] = text or f"plant-{uuid.uuid4().hex}"
        return self.secrets[name]

    def found_in(self, data: bytes) -> set[str]:
        """The names of those that `data` holds, as they are or encoded."""
        lower = data.lower()
        return {
            name
            for name, text in self.secrets.items()
            if any(form.lower() in lower for form in _forms(text))
        }

    def leaks(self, places: Iterable[tuple[str, bytes]]) -> set[tuple[str, str]]:
        """(place, secret) for each secret that is somewhere."""
        return {(place, name) for place, data in places for name in self.found_in(data)}


def _forms(text: str) -> Iterator[bytes]:
    """The text as it is, percent-encoded, in JSON, in hex, and in base64 wherever it begins."""
    raw = text.encode()
    yield from (raw, quote(text).encode(), json.dumps(text)[1:-1].encode(), raw.hex().encode())
    for shift in range(3):
        packed = base64.b64encode(b"\0" * shift + raw)
        yield packed[4 if shift else 0 : len(packed) - 4]


def files_below(root: Path, *, but: Iterable[Path] = ()) -> Iterator[tuple[str, bytes]]:
    """Every file in a folder, byte for byte, without those in the folders (or files) of `but`."""
    left_out = tuple(but)
    for path in sorted(root.rglob("*")):
        if path.is_file() and not any(path.is_relative_to(one) for one in left_out):
            yield str(path.relative_to(root)), path.read_bytes()
