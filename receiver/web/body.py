"""Reading the body of one request within bounds of bytes and time.

Owns the bounds, for webhooks and API alike. Refuses to hold what exceeds them.
"""

from __future__ import annotations

import asyncio

from starlette.types import Receive

from receiver.web.body_budget import BudgetExceeded, Reservation

#: After an error at most this much more is read and discarded.
DRAIN_BYTES = 8 * 1024 * 1024
DRAIN_SECONDS = 2.0


class BodyTooLarge(Exception):
    """The body has more bytes than its limit."""


class Disconnected(Exception):
    """The sender left before its body was whole."""


class BodyReader:
    """Reads the body that `receive` gives."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        #: Whether nothing is left to read.
        self.is_complete = False

    async def read(self, limit_bytes: int, seconds: float, reservation: Reservation) -> bytes:
        """The whole body, counted in `reservation`.

        Raises BodyTooLarge, TimeoutError, BudgetExceeded or Disconnected.
        """
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(seconds) as clock:
                with reservation.receiving(lambda: clock.reschedule(0)):
                    while not self.is_complete:
                        chunk = await self._chunk()
                        if reservation.bytes + len(chunk) > limit_bytes:
                            raise BodyTooLarge
                        reservation.grow(len(chunk))
                        chunks.append(chunk)
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        except TimeoutError:
            if reservation.is_evicted:
                raise BudgetExceeded from None
            raise
        finally:
            # The traceback of an error keeps this frame alive, but not what it read.
            chunks.clear()

    async def drain(self) -> None:
        """Read on and discard, up to the bounds."""
        size = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self.is_complete and size <= DRAIN_BYTES:
                    size += len(await self._chunk())
        except (TimeoutError, Disconnected):
            return

    async def _chunk(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        self.is_complete = not message.get("more_body", False)
        return bytes(message.get("body", b""))
