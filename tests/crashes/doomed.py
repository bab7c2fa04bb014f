"""The real command line, which kills itself with SIGKILL at one point of its work.

`python -m tests.crashes.doomed serve …`, with the point in `CRASH_PLAN`. The product has no hooks
for this: what passes a point is wrapped from outside, and everything else is as it is shipped.
"""

from __future__ import annotations

import asyncio
import builtins
import importlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from types import FrameType
from typing import Any, NoReturn

from arq.connections import ArqRedis
from arq.worker import Worker

from jobs.storage.database import Database
from receiver.cli import main
from receiver.web import endpoint as webhooks
from tests.crashes.points import ANSWERING, Site, site

PLAN = "CRASH_PLAN"
MOMENT_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where this process dies, and what is different in it from one that is shipped.

    It dies when it passes the point for the `passing`th time, leaving its name in the file
    `marker`. `tuned` gives constants (`module:NAME`) another value, so that a test does not wait;
    what `faults` names (`module:Class.method`) raises that error instead of doing its work.
    """

    kind: str
    place: str
    moment: str
    marker: str
    passing: int = 1
    tuned: Mapping[str, Any] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def point(self) -> str:
        return f"{self.moment} {self.kind} in {self.place}"

    def as_environment(self) -> dict[str, str]:
        return {PLAN: json.dumps(asdict(self))}


class Doom:
    """Watches for the point."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._site: Site = site(plan.kind, plan.place)
        self._passed = 0

    def is_here(self, kind: str, frame: FrameType) -> bool:
        """Whether the call made in this frame is the one of the plan."""
        return kind == self._plan.kind and self._site.is_at(frame)

    def reach(self, moment: str) -> None:
        """At the site of the plan: die if it is the moment."""
        if moment == self._plan.moment:
            self._passed += 1
            if self._passed == self._plan.passing:
                self._die()

    def _die(self) -> NoReturn:
        with open(self._plan.marker, "a", encoding="utf-8") as marker:  # noqa: PTH123 -- in haste
            marker.write(self._plan.point + "\n")
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still there after SIGKILL")


def arm(plan: Plan) -> None:
    """Make this process die as planned."""
    for name, value in plan.tuned.items():
        module, attribute = _attribute(name)
        getattr(module, attribute)
        setattr(module, attribute, value)
    for name, error in plan.faults.items():
        owner, attribute = _attribute(name)
        getattr(owner, attribute)
        setattr(owner, attribute, partial(_fail, getattr(builtins, error)))
    doom = Doom(plan)
    _arm_commits(doom)
    _arm_enqueues(doom)
    for name in ANSWERING[1]:
        _arm_answers(doom, name)
    if plan.kind == "job":
        _arm_jobs(doom, plan.place)


def _attribute(name: str) -> tuple[Any, str]:
    """The module or class that has what `module:Class.name` names, and its name in there."""
    module, _, path = name.partition(":")
    owner: Any = importlib.import_module(module)
    *way, attribute = path.split(".")
    for step in way:
        owner = getattr(owner, step)
    return owner, attribute


def _fail(error: type[Exception], *_args: Any, **_more: Any) -> NoReturn:
    raise error("made to fail by a crash test")


def _arm_commits(doom: Doom) -> None:
    whole = Database.write

    @asynccontextmanager
    async def doomed(database: Database) -> Any:
        async with whole(database) as connection:
            yield connection
            # A process that was notified too early, before the commit, acts within this time.
            await asyncio.sleep(MOMENT_SECONDS)
            doom.reach("before")
        doom.reach("after")

    def write(self: Database) -> AbstractAsyncContextManager[Any]:
        here = doom.is_here("commit", sys._getframe(1))
        return doomed(self) if here else whole(self)

    Database.write = write  # type: ignore[method-assign,assignment]


async def _between(doom: Doom, work: Awaitable[Any]) -> Any:
    doom.reach("before")
    done = await work
    # What was written to a socket is on its way only after the loop has turned.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    doom.reach("after")
    return done


def _arm_enqueues(doom: Doom) -> None:
    whole = ArqRedis.enqueue_job

    def enqueue_job(self: ArqRedis, *args: Any, **more: Any) -> Awaitable[Any]:
        work = whole(self, *args, **more)
        return _between(doom, work) if doom.is_here("enqueue", sys._getframe(1)) else work

    ArqRedis.enqueue_job = enqueue_job  # type: ignore[method-assign,assignment]


def _arm_answers(doom: Doom, name: str) -> None:
    whole: Callable[..., Awaitable[None]] = getattr(webhooks, name)

    def answer(*args: Any) -> Awaitable[None]:
        work = whole(*args)
        return _between(doom, work) if doom.is_here("answer", sys._getframe(1)) else work

    setattr(webhooks, name, answer)


def _arm_jobs(doom: Doom, place: str) -> None:
    """The job itself, and arq's own last word on it."""
    owner, name = _attribute(place)
    job, finish = getattr(owner, name), Worker.finish_job

    async def run(*args: Any) -> None:
        doom.reach("before")
        await job(*args)
        doom.reach("done")

    async def finish_job(*args: Any, **more: Any) -> None:
        await finish(*args, **more)
        doom.reach("after")

    setattr(owner, name, run)
    Worker.finish_job = finish_job  # type: ignore[method-assign]


if __name__ == "__main__":
    arm(Plan(**json.loads(os.environ[PLAN])))
    main()
