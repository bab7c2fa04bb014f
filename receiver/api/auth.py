"""Access to the API: a bearer token."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from receiver.api.answers import error
from receiver.signatures.authorization import credentials


class BearerGate:
    """Lets requests with `Authorization: Bearer <token>` through and answers the rest 401.

    Compared in constant time. It stands before routing: without the token no caller
    learns which paths exist.
    """

    def __init__(
        self, app: ASGIApp, *, token: str, on_refusal: Callable[[Scope], None] = lambda _: None
    ) -> None:
        self._app = app
        self._on_refusal = on_refusal
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_verified(Request(scope)):
            self._on_refusal(scope)
            refusal = error(
                401,
                "unauthorized",
                "send the header Authorization: Bearer with the value of RECEIVER_ADMIN_TOKEN",
                {"WWW-Authenticate": 'Bearer realm="receiver"'},
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_verified(self, request: Request) -> bool:
        scheme, given = credentials(request.headers.get("authorization", ""))
        # Header text is Latin-1 for whatever bytes came: encoding it gives those back.
        right = hmac.compare_digest(given.encode("latin-1"), self._token)
        return right and scheme == "bearer"
