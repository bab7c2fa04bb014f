"""The budget of body bytes: how many this process holds before they are committed.

Owns the bound over all requests together, and which request is evicted: the one that has been
sending longest, so that an honest sender, whose body arrives at once, is served beside many slow
ones. Refuses to queue: a request gets its bytes, or has to send again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


class BudgetExceeded(Exception):
    """No more bytes of bodies fit into memory; the sender has to send again."""


class Budget:
    """A budget of `limit_bytes`. For one event loop only."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = 0
        #: Reservations whose body is still arriving, the oldest first.
        self._receiving: dict[Reservation, Callable[[], None]] = {}

    @property
    def held_bytes(self) -> int:
        """How many bytes are reserved now."""
        return self._held

    @contextlib.contextmanager
    def reserve(self) -> Iterator[Reservation]:
        """A reservation for one body; its bytes are released on leaving."""
        reservation = Reservation(self)
        try:
            yield reservation
        finally:
            reservation.release()

    def _grow(self, reservation: Reservation, number: int) -> None:
        while self._held + number > self._limit:
            oldest = next(iter(self._receiving), reservation)
            if oldest is reservation:
                raise BudgetExceeded
            interrupt = self._receiving.pop(oldest)
            oldest.is_evicted = True
            oldest.release()
            interrupt()
        self._held += number


class Reservation:
    """What one request holds of the budget."""

    __slots__ = ("_budget", "bytes", "is_evicted")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.bytes = 0
        #: Whether another request took its bytes; its body is then lost.
        self.is_evicted = False

    @contextlib.contextmanager
    def receiving(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """While inside, the body is arriving; an eviction calls `interrupt`."""
        self._budget._receiving[self] = interrupt  # noqa: SLF001 - the two are one thing
        try:
            yield
        finally:
            self._budget._receiving.pop(self, None)  # noqa: SLF001

    def grow(self, number: int) -> None:
        """Hold so many more bytes; raise BudgetExceeded where they do not fit or it is evicted."""
        if self.is_evicted:
            raise BudgetExceeded
        self._budget._grow(self, number)  # noqa: SLF001
        self.bytes += number

    def release(self) -> None:
        """Give back all bytes."""
        self._budget._held -= self.bytes  # noqa: SLF001
        self.bytes = 0
