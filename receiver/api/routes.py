"""Which path is answered by what, behind the token."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from receiver.api import acting, reading
from receiver.api.answers import HANDLERS
from receiver.api.auth import BearerGate
from receiver.api.parts import ApiParts


def api_routes(parts: ApiParts, *, token: str | None) -> list[BaseRoute]:
    """`/api` and all below it; nothing at all without a token, so that it answers 404."""
    if not token:
        return []
    api = Starlette(
        routes=[
            Route("/status", reading.status),
            Route("/deliveries", reading.deliveries),
            Route("/deliveries/{delivery_id}", reading.delivery),
            Route("/failures", reading.failures),
            Route("/rejections", reading.rejections),
            Route("/billing-events", reading.billing_events),
            Route("/revenue", reading.revenue),
            Route("/rules", reading.rules),
            Route("/replays", acting.start, methods=["POST"]),
            Route("/replays/{replay_id}", acting.progress),
            Route("/discards", acting.put_away, methods=["POST"]),
        ],
        middleware=[Middleware(BearerGate, token=token)],
        exception_handlers=HANDLERS,
    )
    api.state.parts = parts
    return [Mount("/api", app=api)]
