"""A parent that starts three children as `receiver up` does, and prints their ids."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from receiver.local.children import Child, Children

FAKE_CHILD = str(Path(__file__).with_name("fake_child.py"))


async def main(behaviour: tuple[str, ...]) -> None:
    children = Children()

    async def at_once() -> bool:
        return True

    for name, more in (("one", ()), ("two", ()), ("other", ("exec",))):
        command = (sys.executable, FAKE_CHILD, *behaviour, *more)
        ready = at_once if more else None
        await children.start(Child(name=name, command=command, environment=os.environ, ready=ready))
    print("children", *children.pids().values(), flush=True)
    await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(tuple(sys.argv[1:])))
