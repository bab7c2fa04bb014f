"""Sources that are silent for longer than their mapping calls normal: pure.

Owns when a silence begins: with the last request that was verified, or, of a source that was never
heard of, with its mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mappings.engine.loading.load import MappingSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """When a source was last heard of (None: never), and since when its mapping is known."""

    last: datetime | None
    known_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A source that should have been heard of. `last` None: it never was."""

    source: str
    last: datetime | None
    seconds: float
    expect_every: timedelta

    def __str__(self) -> str:
        since = (
            "since its mapping is known" if self.last is None else f"since {self.last:%F %H:%M}Z"
        )
        every = f"it is expected every {span(self.expect_every)}"
        return f"source {self.source} is silent {since} ({span(self.seconds)}); {every}"


def silent(mappings: MappingSet, heard: Mapping[str, Heard], now: datetime) -> list[Silent]:
    """Every source whose silence is longer than normal, by name."""
    sources = []
    for name, source in sorted(mappings.sources.items()):
        known = heard.get(name)
        if source.expect_every is None or known is None:
            continue
        since = known.last or known.known_since
        if since is None:
            continue
        if now - since > source.expect_every:
            seconds = (now - since).total_seconds()
            sources.append(
                Silent(
                    source=name,
                    last=known.last,
                    seconds=seconds,
                    expect_every=source.expect_every,
                )
            )
    return sources


def span(time: timedelta | float) -> str:
    """A time in its two largest units: `3d 4h`, `2h`, `45m`, `12s`."""
    seconds = round(time.total_seconds() if isinstance(time, timedelta) else time)
    parts = []
    for letter, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number}{letter}")
    return " ".join(parts[:2]) or "0s"
