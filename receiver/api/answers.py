"""JSON answers, and errors as `{"error", "detail"}` with the status that fits.

Owns which exception becomes which answer. Refuses to tell a caller of a fault's insides.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobs.common.errors import FilterInvalid, brief, is_transient
from jobs.mapping_store import MappingsChanged
from receiver.web.errors import HTTPError, error_body, retry_after

log = structlog.get_logger(__name__)

JSON = "application/json"


class SafeHeaders:
    """Marks every response as neither a page to render nor a copy to cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, send_safely)


def not_found(what: str, name: str) -> HTTPError:
    """404 for something named in the path or by id."""
    return HTTPError(404, "not-found", f"there is no {what} {name[:80]!r}")


def shape(answer: BaseModel, *, status: int = 200) -> Response:
    """One object."""
    return Response(answer.model_dump_json(), status, media_type=JSON)


def error(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The one form of an error."""
    all_headers = {**(headers or {}), **dict(retry_after(status, "database"))}
    return Response(error_body(code, detail), status, all_headers, media_type=JSON)


async def on_api_error(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPError)  # noqa: S101 - what it is registered for
    return error(exc.status, exc.code, exc.detail)


async def on_filter_invalid(_request: Request, exc: Exception) -> Response:
    return error(400, "bad-parameter", str(exc))


async def on_mappings_changed(_request: Request, exc: Exception) -> Response:
    return error(409, "mappings-changed", str(exc))


async def on_http_exception(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)  # noqa: S101 - what it is registered for
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods_of(request))
        detail = f"{request.method} is not served here; use {allowed or 'another method'}"
        return error(405, "method-not-allowed", detail, {"Allow": allowed})
    # Outside of the API a path is not repeated: that of a webhook may hold its secret.
    where = f" at {request.url.path[:200]}" if request.scope.get("root_path") else " here"
    return error(404, "not-found", f"nothing is served{where}")


def _methods_of(request: Request) -> list[str]:
    """All that is served at this path, by whichever route: Starlette names those of one alone."""
    served: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            served |= route.methods or set()
    return sorted(served)


async def on_database_error(request: Request, exc: Exception) -> Response:
    """A transient fault of the database is a 503; any other is a bug."""
    if not is_transient(exc):
        raise exc
    log.warning("api.unavailable", path=request.url.path, error=brief(exc))
    return error(503, "unavailable", "the database did not answer; try again")


async def on_bug(_request: Request, _exc: Exception) -> Response:
    """Answers only: the exception goes on to the server, which logs its traceback."""
    return error(500, "internal", "a fault of this service; its log has the details")


#: Which exception is answered by what.
HANDLERS: dict[Any, Any] = {
    HTTPError: on_api_error,
    FilterInvalid: on_filter_invalid,
    MappingsChanged: on_mappings_changed,
    HTTPException: on_http_exception,
    SQLAlchemyError: on_database_error,
    OSError: on_database_error,
    Exception: on_bug,
}
