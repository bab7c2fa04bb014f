"""A set-up window takes one secret, and only from the sender who knows its one-time part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, select

from jobs.intake.pairing import Window, close_window, open_window, read_learnt, take, taken
from jobs.storage.schema import learnt_secrets, pairing_windows
from tests.jobs.workshop import Workshop

ASANA = Window(source="asana", secret="ASANA_SECRET")


@pytest.fixture(autouse=True)
async def no_windows(workshop: Workshop) -> AsyncIterator[None]:
    """The PostgreSQL database is shared by all tests."""
    yield
    async with workshop.database.write() as connection:
        await connection.execute(delete(pairing_windows))
        await connection.execute(delete(learnt_secrets))


async def opened(workshop: Workshop, window: Window = ASANA, *, seconds: float = 60) -> None:
    await open_window(workshop.database, window, token="the token", seconds=seconds)


async def offered(workshop: Workshop, secret: str | None, *, token: str = "the token") -> bool:
    """Whether the secret was taken."""
    shown = {"verification_token": secret or ""}
    window = await take(workshop.database, "asana", token=token, learnt=secret, shown=shown)
    return window is not None


async def test_who_does_not_know_the_token_gets_nothing_and_leaves_the_window_open(
    workshop: Workshop,
) -> None:
    assert not await offered(workshop, "mine")
    await opened(workshop)
    for token in ("", "another", "the token ", "\ud800"):
        assert not await offered(workshop, "mine", token=token)
    assert await read_learnt(workshop.database) == {}
    assert await taken(workshop.database, "asana") is None
    assert await offered(workshop, "the vendor's")
    assert await read_learnt(workshop.database) == {"ASANA_SECRET": "the vendor's"}
    assert await taken(workshop.database, "asana") == {"verification_token": "the vendor's"}


async def test_one_of_many_that_come_at_once_is_taken(workshop: Workshop) -> None:
    await opened(workshop)
    answers = await asyncio.gather(*(offered(workshop, f"secret-{n}") for n in range(8)))
    assert sum(answers) == 1
    assert await read_learnt(workshop.database) == {"ASANA_SECRET": f"secret-{answers.index(True)}"}
    assert not await offered(workshop, "later")


async def test_after_its_end_and_once_closed_a_window_takes_nothing(workshop: Workshop) -> None:
    await opened(workshop, seconds=-1)
    assert not await offered(workshop, "late")
    await opened(workshop)
    await close_window(workshop.database, "asana")
    assert not await offered(workshop, "closed")


async def test_a_secret_in_use_is_replaced_only_where_the_operator_said_so(
    workshop: Workshop,
) -> None:
    for window, replaced in (
        (ASANA, True),
        (ASANA, False),
        (Window(source="asana", secret="ASANA_SECRET", replaces=True), True),
    ):
        before = await read_learnt(workshop.database)
        await opened(workshop, window)
        value = f"secret-{len(before)}-{window.replaces}"
        assert await offered(workshop, value) == replaced
        now = await read_learnt(workshop.database)
        assert now == ({"ASANA_SECRET": value} if replaced else before)


@pytest.mark.parametrize("secret", ["", "a" * 5000, "é", "a\tb"])
async def test_what_is_no_secret_is_not_taken(workshop: Workshop, secret: str) -> None:
    await opened(workshop)
    assert not await offered(workshop, secret)
    assert await offered(workshop, "a secret")


async def test_the_token_itself_is_not_stored(workshop: Workshop) -> None:
    await opened(workshop)
    (row,) = await workshop.all(select(pairing_windows))
    assert "the token" not in repr(tuple(row))
