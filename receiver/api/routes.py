"""Which path is answered by what, behind the token."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Scope

from receiver.api.answers import HANDLERS, SafeHeaders
from receiver.api.auth import BearerGate
from receiver.api.dependencies import Dependencies
from receiver.api.openapi import serve_document
from receiver.api.operations import OPENAPI_PATH, OPERATIONS


def api_routes(
    dependencies: Dependencies,
    *,
    token: str | None,
    on_refusal: Callable[[Scope], None] = lambda _: None,
) -> list[BaseRoute]:
    """`/api` and all below it; nothing at all without a token, so that it answers 404.

    `on_refusal` hears of each request without the token.
    """
    if not token:
        return []
    api = Starlette(
        routes=[
            Route(OPENAPI_PATH, serve_document),
            *(
                Route(operation.path, operation.answer, methods=[operation.method])
                for operation in OPERATIONS
            ),
        ],
        middleware=[
            Middleware(SafeHeaders),
            Middleware(BearerGate, token=token, on_refusal=on_refusal),
        ],
        exception_handlers=HANDLERS,
    )
    api.state.dependencies = dependencies
    # A path with a slash too many is no path of ours, rather than an answer in no form of ours.
    api.router.redirect_slashes = False
    return [Mount("/api", app=api)]
