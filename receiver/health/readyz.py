"""/livez, /readyz and /metrics: whether this process can do its one duty, and what limps.

Owns the difference between the two: not ready means that a delivery could not be committed;
everything else that is wrong is named and leaves deliveries coming in. Refuses to hang: each look
has a time-out, and one look at a time serves all who ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from time import monotonic

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from jobs.common.errors import brief, in_words
from jobs.common.tasks import pass_over
from receiver.health.metrics import CONTENT_TYPE, Metrics

log = structlog.get_logger(__name__)

#: A look that takes longer counts as failed; the inbox gives a commit about the same time.
LOOK_SECONDS = 1.5
#: An answer this fresh is given again, so that asking often costs nothing.
FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: a name from a fixed list, and a sentence for the operator."""

    name: str
    detail: str


#: Looks at one thing and says what is wrong with it, if anything.
Look = Callable[[], Awaitable[Sequence[Trouble]]]


class Health:
    """Asks whether a delivery can be committed, and each `looks` for its troubles.

    `can_commit` writes and commits something, or raises. `looks` are by the name under which a
    look that fails is reported. `warnings` are what is worth knowing, and degrades nothing.
    """

    def __init__(
        self,
        can_commit: Callable[[], Awaitable[None]],
        looks: Mapping[str, Look],
        *,
        warnings: Callable[[], Sequence[Trouble]] = tuple,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._can_commit = can_commit
        self._looks = looks
        self.warnings = warnings
        self._clock = clock
        self._last: tuple[bool, list[Trouble]] | None = None
        self._looked_at = 0.0
        self._under_way: dict[str, asyncio.Task[Sequence[Trouble]]] = {}
        self._lock = asyncio.Lock()

    @property
    def names(self) -> list[str]:
        """What can be wrong, by name."""
        return ["database", *self._looks]

    async def look(self) -> tuple[bool, list[Trouble]]:
        """Whether this process is ready, and everything that is wrong."""
        async with self._lock:
            if self._last is None or self._clock() - self._looked_at >= FRESH_SECONDS:
                self._last = await self._look_now()
                self._looked_at = self._clock()
            return self._last

    async def _look_now(self) -> tuple[bool, list[Trouble]]:
        looks = {"database": self._look_at_database, **self._looks}
        found = await asyncio.gather(*(self._one(name, look) for name, look in looks.items()))
        return not found[0], [trouble for troubles in found for trouble in troubles]

    async def _look_at_database(self) -> Sequence[Trouble]:
        await self._can_commit()
        return ()

    async def _one(self, name: str, look: Look) -> Sequence[Trouble]:
        """One look. A hanging one goes on for the next who asks, rather than piling up."""
        task = self._under_way.get(name)
        if task is None or task.done():
            task = asyncio.ensure_future(look())
            task.add_done_callback(pass_over)
            self._under_way[name] = task
        try:
            return await asyncio.wait_for(asyncio.shield(task), LOOK_SECONDS)
        except TimeoutError:
            return (Trouble(name, f"no answer within {LOOK_SECONDS:g} s"),)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is wrong
            log.warning("health.check_failed", look=name, error=brief(error))
            return (Trouble(name, in_words(error)),)


def health_routes(
    health: Health, metrics: Metrics, *, count: Callable[[], Awaitable[None]]
) -> list[Route]:
    """The three paths. `count` brings the numbers that are counted in the database up to date."""

    async def livez(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        ready, troubles = await health.look()
        status = "degraded" if troubles else "ok"
        answer: dict[str, object] = {
            "status": status if ready else "unavailable",
            "problems": [asdict(one) for one in troubles],
        }
        if warnings := health.warnings():
            answer["warnings"] = [asdict(one) for one in warnings]
        return JSONResponse(
            answer,
            200 if ready else 503,
            headers={"Cache-Control": "no-store"},
        )

    async def show_metrics(_request: Request) -> Response:
        ready, troubles = await health.look()
        await count()
        metrics.show_health(
            ready=ready, names=health.names, troubles=[one.name for one in troubles]
        )
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)

    return [
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/metrics", show_metrics),
    ]
