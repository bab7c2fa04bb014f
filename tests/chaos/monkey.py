"""The monkey: carries out a plan, each fault written down with its time.

Owns when faults strike and who may be struck at the same moment: each target suffers one fault at
a time, different targets as many as the plan states. One whose target is still suffering after some
seconds is left out and counted as such.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tests.chaos.faults import Faults
from tests.chaos.plan import Fault

#: How long a fault waits for its target's last one to end; one that strikes all waits for all.
PATIENCE_SECONDS = 8.0


class Monkey:
    """`struck` counts the faults that were carried out, by name."""

    def __init__(self, faults: Faults, log: Path) -> None:
        self._faults = faults
        self._log = log
        self._locks: dict[str, asyncio.Lock] = {}
        self.struck: Counter[str] = Counter()
        self.left_out = 0
        self.broken: list[str] = []

    async def run(self, plan: Sequence[Fault]) -> None:
        """Return when the last fault of the plan is over and fixed."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in plan:
                await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
                group.create_task(self._carry_out(fault))

    async def _carry_out(self, fault: Fault) -> None:
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(None if fault.target == "all" else PATIENCE_SECONDS):
                    for target in self._faults.targets(fault):
                        lock = self._locks.setdefault(target, asyncio.Lock())
                        await held.enter_async_context(lock)
            except TimeoutError:
                self.left_out += 1
                return
            self._note("begins", fault)
            try:
                happened = await self._faults.strike(fault)
            except Exception as error:  # noqa: BLE001 -- the harness's own fault: reported at the end
                self.broken.append(f"{fault.name}: {error!r}")
                happened = False
            self._note("ends", fault, happened=happened)
        if happened:
            self.struck[fault.name] += 1
        else:
            self.left_out += 1

    def _note(self, what: str, fault: Fault, *, happened: bool | None = None) -> None:
        line = {
            "at": round(time.time(), 3),
            "fault": fault.name,
            what: round(fault.seconds, 1),
            "number": fault.number,
            "skew_seconds": fault.skew_seconds,
            "happened": happened,
        }
        with self._log.open("a") as file:
            file.write(json.dumps(line) + "\n")
