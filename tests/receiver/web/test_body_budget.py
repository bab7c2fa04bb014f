"""Who holds what of the room for bodies, and who gives way."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack

import pytest

from receiver.web.body_budget import NoRoom, Place, Room


def ignore() -> None:
    """A place that gives way has nothing to stop here."""


def test_what_was_taken_is_given_back_whatever_happens() -> None:
    room = Room(10)
    with contextlib.suppress(KeyError), room.place() as place:
        place.take(7)
        assert room.held_bytes == 7
        raise KeyError
    assert room.held_bytes == 0


def test_the_oldest_that_still_grows_gives_way_and_is_told_once() -> None:
    room, told = Room(10), list[str]()
    with ExitStack() as stack:
        first, second, new = (stack.enter_context(room.place()) for _ in range(3))
        stack.enter_context(first.growing(lambda: told.append("first")))
        stack.enter_context(second.growing(lambda: told.append("second")))
        first.take(4)
        second.take(4)
        stack.enter_context(new.growing(ignore))
        new.take(6)
        assert told == ["first"]
        assert (first.gave_way, second.gave_way, room.held_bytes) == (True, False, 10)
        with pytest.raises(NoRoom):
            first.take(0)
    assert room.held_bytes == 0


def test_a_whole_body_gives_way_to_nobody() -> None:
    room = Room(10)
    with room.place() as whole, room.place() as new:
        with whole.growing(ignore):
            whole.take(8)
        with new.growing(ignore), pytest.raises(NoRoom):
            new.take(3)
        assert (whole.gave_way, room.held_bytes) == (False, 8)


def test_the_oldest_itself_is_refused_what_is_not_there() -> None:
    room = Room(10)
    with room.place() as old, room.place() as new, old.growing(ignore), new.growing(ignore):
        new.take(8)
        with pytest.raises(NoRoom):
            old.take(3)
        assert not new.gave_way


def test_as_much_as_is_needed_gives_way() -> None:
    room = Room(10)
    with ExitStack() as stack:
        places: list[Place] = []
        for _ in range(5):
            places.append(stack.enter_context(room.place()))
            stack.enter_context(places[-1].growing(ignore))
            places[-1].take(2)
        places[-1].take(5)
        assert [place.gave_way for place in places] == [True, True, True, False, False]
