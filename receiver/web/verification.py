"""The queue in which large bodies are verified: beside the event loop, one body at a time.

Owns the bound on what unverified requests cost: reading and hashing a large body takes long, and
any client can send one. The sources take turns, so that a flood at one delays no other source;
small bodies are verified on the loop at once and wait for none of this. Refuses long waits: the
sender is answered 503 and sends again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from receiver.signatures.handshakes import LONGEST_BODY
from receiver.web.errors import overloaded

#: A larger body is verified beside the loop; set-up requests, read on the loop, are no larger.
LARGE_BYTES = LONGEST_BODY
WAIT_SECONDS = 5.0

_Result = TypeVar("_Result")


class VerificationQueue:
    """Runs `work` in one thread, the sources in turn. For one event loop only."""

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        self._wait_seconds = wait_seconds
        self._is_busy = False
        #: By source, the next source first.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="verification")

    async def run(self, source: str, work: Callable[[], _Result]) -> _Result:
        """What `work` returns. Raises what it raises, and HTTPError (503) after a long wait."""
        await self._turn(source)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._pass_on()

    async def _turn(self, source: str) -> None:
        if not self._is_busy:
            self._is_busy = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(source, deque()).append(turn)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # its turn came as it left
                self._pass_on()
            turn.cancel()
            if isinstance(error, TimeoutError):
                detail = (
                    "more large bodies of this source came in than can be verified in"
                    f" {WAIT_SECONDS:g} s"
                )
                raise overloaded("too-many-large", detail) from None
            raise

    def _pass_on(self) -> None:
        """Give the next source its turn."""
        while self._waiting:
            source = next(iter(self._waiting))
            turns = self._waiting.pop(source)
            turn = turns.popleft()
            if turns:
                self._waiting[source] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._is_busy = False
