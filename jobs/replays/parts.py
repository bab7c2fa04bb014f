"""Many deliveries in parts, a transaction each: no writer waits for all of them.

Owns how much one transaction may take. On SQLite a transaction over a hundred thousand held intake
up for two seconds, and senders were refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

#: Deliveries that one transaction takes of many.
STEP = 5_000
PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """What one transaction takes of a long list of deliveries; its `start` counts them."""

    ids: list[str]
    number: int
    start: int
    is_last: bool

    @property
    def is_first(self) -> bool:
        return self.number == 1

    @property
    def is_only(self) -> bool:
        return self.is_first and self.is_last

    async def make_way(self) -> None:
        """Let other writers have their turn: SQLite gives it to whoever asks just then."""
        if not self.is_last:
            await asyncio.sleep(PAUSE_SECONDS)


def in_parts(ids: list[str]) -> Iterator[Part]:
    """At least one, which is empty where there are no ids."""
    for number, start in enumerate(range(0, len(ids) or 1, STEP), 1):
        chunk = ids[start : start + STEP]
        yield Part(chunk, number, start, is_last=start + STEP >= len(ids))
