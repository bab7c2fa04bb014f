"""Room for bodies: how many bytes of them this process holds before they are committed.

Owns the bound over all requests together, and who gives way: whoever has been sending longest, so
that an honest sender, whose body comes in one go, finds room beside many that dawdle. Refuses to
let anybody wait for room: there is some, or the sender is told at once to come again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


class NoRoom(Exception):
    """No more bytes of bodies fit into memory; the sender is to come again."""


class Room:
    """Room for `limit_bytes`. Only for one event loop."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = 0
        #: Places whose body is still coming in, in the order in which they began.
        self._growing: dict[Place, Callable[[], None]] = {}

    @property
    def held_bytes(self) -> int:
        """How many bytes are taken now."""
        return self._held

    @contextlib.contextmanager
    def place(self) -> Iterator[Place]:
        """A place for one body; whatever it took is given back on leaving."""
        place = Place(self)
        try:
            yield place
        finally:
            place.release()

    def _take(self, place: Place, number: int) -> None:
        while self._held + number > self._limit:
            oldest = next(iter(self._growing), place)
            if oldest is place:
                raise NoRoom
            interrupt = self._growing.pop(oldest)
            oldest.give_way()
            interrupt()
        self._held += number


class Place:
    """What one request holds of the room."""

    __slots__ = ("_room", "bytes", "gave_way")

    def __init__(self, room: Room) -> None:
        self._room = room
        self.bytes = 0
        #: Whether it had to go, and its body with it.
        self.gave_way = False

    @contextlib.contextmanager
    def growing(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """While inside, the body is coming in; `interrupt` is called where it has to give way."""
        self._room._growing[self] = interrupt  # noqa: SLF001 - the two are one thing
        try:
            yield
        finally:
            self._room._growing.pop(self, None)  # noqa: SLF001

    def take(self, number: int) -> None:
        """Hold so many more bytes; raise NoRoom where there is none, or where it gave way."""
        if self.gave_way:
            raise NoRoom
        self._room._take(self, number)  # noqa: SLF001
        self.bytes += number

    def give_way(self) -> None:
        """Let go of everything, for good."""
        self.gave_way = True
        self.release()

    def release(self) -> None:
        """Give back what it holds."""
        self._room._held -= self.bytes  # noqa: SLF001
        self.bytes = 0
