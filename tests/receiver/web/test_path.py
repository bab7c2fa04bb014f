"""A delivery passes from socket to COMMIT as docs/architecture.md lists it."""

from __future__ import annotations

import asyncio
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from receiver.config.settings import Settings
from receiver.signatures import PRESETS
from receiver.signatures.hmac_scheme import HmacScheme
from tests.receiver.web.test_app import (
    post,
    running,
    settings as settings,  # noqa: PLC0414 - a fixture
)

ROOT = Path(__file__).parents[3]
TITLE = "## From socket to COMMIT of the delivery"
MOST_FUNCTIONS = 25
PACKAGES = tuple(f"{ROOT / package}/" for package in ("receiver", "jobs", "mappings"))
#: The tasks that work for a delivery, besides the callbacks of the event loop.
TASKS = {"RequestResponseCycle.run_asgi", "Inbox._commit_forever"}


def listed() -> list[str]:
    """The names in that section of the page, in its order."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page.partition(f"{TITLE}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\d+\. `([\w.]+)` \w", section, re.MULTILINE)


def code_of(name: str) -> CodeType:
    """The code of the function; raises where there is none of that name."""
    code = inspect.unwrap(pkgutil.resolve_name(name)).__code__
    assert isinstance(code, CodeType)
    return code


def is_of_a_delivery() -> bool:
    """Whether what runs now is neither a background task nor a test."""
    task = asyncio.current_task()
    coroutine = task.get_coro() if task else None
    return coroutine is None or getattr(coroutine, "__qualname__", "") in TASKS


def callers(frame: FrameType | None) -> Iterator[CodeType]:
    """The functions of the product that are on the stack."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(PACKAGES) and not code.co_name.startswith("<"):
            yield code
        frame = frame.f_back


@contextmanager
def traced() -> Iterator[dict[CodeType, set[CodeType]]]:
    """The functions that a delivery passes, in the order of first call, and what called each."""
    calls: dict[CodeType, set[CodeType]] = {}

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call" and is_of_a_delivery():
            calls.setdefault(frame.f_code, set()).update(callers(frame.f_back))

    sys.setprofile(profile)
    try:
        yield calls
    finally:
        sys.setprofile(None)


async def test_a_delivery_passes_the_functions_that_the_page_lists(settings: Settings) -> None:
    assert isinstance(PRESETS["github"], HmacScheme)
    codes = {code_of(name): name for name in listed()}
    async with running(settings) as client:
        with traced() as calls:
            answer = await post(client, "1")
    assert answer.status_code == 202
    passed = [codes[code] for code in calls if code in codes]
    assert passed == listed()
    skipped = set().union(*(calls[code] for code in codes)) - codes.keys()
    assert {code.co_qualname for code in skipped} == set()


def test_the_way_is_short_and_enters_no_room_a_third_time() -> None:
    names = listed()
    assert 0 < len(names) <= MOST_FUNCTIONS
    rooms = [room for room, _ in groupby(".".join(name.split(".")[:2]) for name in names)]
    assert {room: rooms.count(room) for room in rooms if rooms.count(room) > 2} == {}
