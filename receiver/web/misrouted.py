"""Requests that reach the service and no source: recorded with the mistake and the right URL.

Owns which of them are recorded. Refuses to grow under attack: they are grouped by mistake and
nearest source, so that a million different paths are a few rows, and hide no other's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from time import monotonic

from starlette.types import Message, Scope

from jobs.intake.rejections import UNKNOWN_SOURCE, Rejected
from mappings.engine.common.suggest import nearest
from receiver.sources.registry import KnownSource
from receiver.sources.webhook_paths import WEBHOOKS, WrongPath, wrong_path
from receiver.web.rejections import rejection_of
from receiver.web.request import WebRequest

#: Headers by which vendors sign a request or name its event.
_VENDORS_HEADER = re.compile(r"signature|hmac|webhook|hook-|-(?:event|topic|delivery)\b")
#: So many misspelt names are compared with all sources in a second.
COMPARED_PER_SECOND = 50
_METHODS = frozenset({"POST", "PUT", "PATCH"})


class Misrouted:
    """Makes a rejection of each request that no source takes and that a vendor may have sent.

    `base` is what vendors call, up to before `/webhooks/…`. `clock` is in seconds.
    """

    def __init__(
        self,
        *,
        sources: Callable[[], Mapping[str, KnownSource]],
        base: str,
        on_rejection: Callable[[Rejected], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._sources = sources
        self._base = base
        self._on_rejection = on_rejection
        self._clock = clock
        self._second = 0
        self._compared = 0

    def note(self, scope: Scope) -> None:
        """Record a request that nothing answers, where it looks like a webhook."""
        if scope["method"] in _METHODS:
            request = WebRequest(scope, _nothing_more, _nowhere)
            wrong = self._wrong_path(request)
            if wrong.is_like_webhook or any(map(_VENDORS_HEADER.search, request.headers)):
                self._on_rejection(self.rejection(request, wrong))

    def note_unknown(self, request: WebRequest) -> None:
        """Record a request to a source that is not configured."""
        self._on_rejection(self.rejection(request, self._wrong_path(request)))

    def rejection(self, request: WebRequest, wrong: WrongPath) -> Rejected:
        """What is recorded of it: grouped by its mistake and the source that was meant."""
        return rejection_of(
            request,
            UNKNOWN_SOURCE,
            wrong.cause,
            wrong.detail,
            path=wrong.shown,
            nearest_source=wrong.nearest,
            remediation=self._remediation(wrong.nearest),
            group=f"{wrong.cause}/{wrong.mistake}/{wrong.nearest or ''}",
        )

    def _remediation(self, name: str | None) -> str:
        if name is None:
            return "`receiver sources` lists the URLs that are served"
        source = self._sources().get(name)
        takes_path = source is not None and source.takes_path
        return f"let the vendor call {self._base}/{WEBHOOKS}/{name}{'/<secret>' * takes_path}"

    def _wrong_path(self, request: WebRequest) -> WrongPath:
        return wrong_path(request.path, self._sources(), self._suggest)

    def _suggest(self, part: str) -> str | None:
        """The source whose name is near; none where too many ask for it."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._compared = second, 0
        self._compared += 1
        if self._compared > COMPARED_PER_SECOND:
            return None
        return nearest(part, self._sources())


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}


async def _nowhere(_message: Message) -> None:
    """Nothing is answered from here."""
