"""The bare `202`: the same server without durability, the yardstick of `make bench`."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def accept(request: Request) -> JSONResponse:
    """Read the body, promise nothing."""
    await request.body()
    return JSONResponse({"status": "accepted", "delivery": "none"}, status_code=202)


app = Starlette(routes=[Route("/webhooks/{source}", accept, methods=["POST"])])
