"""/livez, /readyz and /metrics: whether this process can do its one duty, and what is degraded.

Owns the difference between the two: not ready means that a delivery could not be committed;
everything else that is wrong is named and leaves deliveries coming in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.health.metrics import CONTENT_TYPE, Metrics
from receiver.health.runner import HealthRunner


def health_routes(
    runner: HealthRunner, metrics: Metrics, *, count: Callable[[], Awaitable[None]]
) -> list[Route]:
    """The three paths. `count` brings the numbers that are counted in the database up to date."""

    async def livez(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        health = await runner.health()
        status = "degraded" if health.problems else "ok"
        answer: dict[str, object] = {
            "status": status if health.is_ready else "unavailable",
            "problems": [problem.as_json() for problem in health.problems],
        }
        if health.warnings:
            answer["warnings"] = [warning.as_json() for warning in health.warnings]
        return JSONResponse(
            answer,
            200 if health.is_ready else 503,
            headers={"Cache-Control": "no-store"},
        )

    async def show_metrics(_request: Request) -> Response:
        health = await runner.health()
        await count()
        metrics.set("receiver_ready", health.is_ready)
        metrics.set_each("receiver_health_problems", health.counts)
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)

    return [
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/metrics", show_metrics),
    ]
