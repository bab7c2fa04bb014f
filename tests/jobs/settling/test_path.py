"""The way of a delivery as docs/architecture.md lists it, held against a trace of one."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from importlib import import_module
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

from jobs.replays.items import note_results
from jobs.settling.settle import Settler
from mappings.engine.loading.load import load
from receiver.signatures import RULES
from tests.jobs.test_mapping_watch import FILES
from tests.jobs.workshop import Workshop

PAGE = Path(__file__).resolve().parents[3] / "docs" / "architecture.md"
HEADING = "From ring to COMMIT of the billing event"
#: What arq calls; without Redis the trace begins behind it.
LISTENER = "jobs.queue.consumer.Listener._run_job"


def listed() -> list[str]:
    """The functions of the list, by their dotted names."""
    (section,) = re.findall(
        rf"^#+ {HEADING}$(.*?)^#", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return re.findall(r"^\d+\. `([\w.]+)`", section, re.MULTILINE)


def function(name: str) -> Any:
    """The function of this dotted name, which is in a module or in a class of one."""
    parts = name.split(".")
    for size in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:size])
        try:
            return reduce(getattr, parts[size:], import_module(module))
        except ModuleNotFoundError:
            continue
    raise LookupError(name)


def room(name: str) -> str:
    """The folder or loose module of a package that a function is in; mappings is one."""
    package, folder, *_ = name.split(".")
    return package if package == "mappings" else f"{package}.{folder}"


@contextmanager
def first_calls() -> Iterator[list[str]]:
    """The names of the functions called, each once, in the order of first call, in all threads."""
    called: dict[str, None] = {}

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            called.setdefault(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}")

    order: list[str] = []
    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield order
    finally:
        sys.setprofile(before)
        threading.setprofile(before)
        order.extend(called)


async def test_a_delivery_that_bills_goes_the_way_that_the_page_lists(
    on_sqlite: Workshop,
) -> None:
    files = {name: text.encode() for name, text in FILES.items()}
    mappings = load(files, timezone="UTC", schemes=RULES)
    database = on_sqlite.new_database()
    settler = Settler(database, lambda: mappings, note_results=note_results, loops=1)
    ids = await on_sqlite.post(b'{"id": 1, "status": "solved", "company": 7}')
    await settler.start()
    await asyncio.sleep(0)  # its loop waits for a batch
    with first_calls() as called:
        await settler.settle(ids)
    await settler.close()
    assert len(await on_sqlite.open_lines()) == 1
    way = listed()
    assert way[0] == LISTENER
    assert [name for name in called if name in way] == way[1:]


def test_the_way_is_short_and_enters_no_room_a_third_time() -> None:
    way = listed()
    assert all(callable(function(name)) for name in way)
    assert len(way) <= 35
    entered = [name for name, _ in groupby(way, key=room)]
    assert {name for name in entered if entered.count(name) > 2} == set()
