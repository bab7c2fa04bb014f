"""Work in a process of its own, with bounds that the operating system enforces.

Owns: that process, forked from this one so that it starts with all that is compiled and read;
bounded in memory and processor time; ended together with whatever it built. Refuses: to run two at
a time, so that their bounds do not add up, and to know what the work is.

The bound on memory needs Linux (RLIMIT_DATA counts allocations there since 4.7, /proc shows what is
in use); elsewhere only the bound on processor time holds. The child closes every descriptor except
its own pipe and touches no lock of the parent: it computes, writes its result, and exits.
"""

from __future__ import annotations

import gc
import mmap
import os
import resource
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import TypeAdapter

from mappings.engine.common.errors import MappingsError

MEMORY_BYTES = 256 * 1024 * 1024
CPU_SECONDS = 30
#: Far more, as the machine may be busy; a child that reaches it is not running at all.
WALL_SECONDS = 120.0

_NOTE_BYTES = 4096
_STATM = Path("/proc/self/statm")
_DATA_PAGES = 5
_SUCCEEDED, _FAILED = b"+", b"!"
#: Sent to a whole process group, so to the child too; the work is not to blame.
_STOPPED = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM})

_Result = TypeVar("_Result")
#: Given a text, keeps it where the parent can read it if the child ends at once.
Note = Callable[[str], None]

_one_at_a_time = threading.Lock()


class Exceeded(MappingsError):
    """The work took more than it may; `note` is the last that it noted."""

    def __init__(self, bound: str, note: str) -> None:
        super().__init__(bound)
        self.bound = bound
        self.note = note


class Broken(MappingsError):
    """The process did not run, or the work raised: a bug, or a machine that is overloaded."""


def run(work: Callable[[Note], _Result], form: TypeAdapter[_Result]) -> _Result:
    """What `work` returns, computed in a bounded process, by way of JSON of that form.

    Raises Exceeded; or Broken, with the traceback of what the work raised.
    """
    with _one_at_a_time, mmap.mmap(-1, _NOTE_BYTES) as notes:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _compute(partial(_answer, work, form), writing, notes)
        os.close(writing)
        try:
            with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
                answer = _read(pipe.fileno())
        except BaseException:
            os.kill(child, signal.SIGKILL)
            raise
        finally:
            status = _ended(child)
        _refuse(answer, status, _noted(notes))
    return form.validate_json(answer[1:])


def _read(pipe: int) -> bytes:
    """All that the child writes, until it is gone."""
    chunks: list[bytes] = []
    deadline = time.monotonic() + WALL_SECONDS
    ready = select.poll()
    ready.register(pipe, select.POLLIN | select.POLLHUP)
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not ready.poll(left * 1000):
            raise Broken(f"a mapping process did not end within {WALL_SECONDS:.0f} s")
        chunk = os.read(pipe, 1024 * 1024)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)


def _ended(child: int) -> int:
    """How the child ended: 0, its exit code, or minus the signal."""
    with suppress(ChildProcessError):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 0


def _refuse(answer: bytes, status: int, note: str) -> None:
    """Raise unless the answer is a result."""
    if status == -signal.SIGXCPU:
        raise Exceeded(f"{CPU_SECONDS} s of processor time", note)
    if -status in _STOPPED:
        raise Broken(f"the mapping process was ended by {signal.Signals(-status).name}")
    if status or not answer:
        raise Exceeded(f"{MEMORY_BYTES // 2**20} MiB of memory", note)
    if answer[:1] == _FAILED:
        raise Broken(answer[1:].decode())


def _noted(notes: mmap.mmap) -> str:
    return notes[:].partition(b"\0")[0].decode("utf-8", "replace")


def _compute(answered: Callable[[Note], bytes], writing: int, notes: mmap.mmap) -> NoReturn:
    """The child: nothing of the parent's is cleaned up, flushed or closed in order."""

    def note(text: str) -> None:
        encoded = text.encode()[: _NOTE_BYTES - 1] + b"\0"
        notes[: len(encoded)] = encoded

    code = 1
    try:
        gc.disable()
        _detach_from_parent(writing)
        answer = answered(note)
        with open(writing, "wb", buffering=0) as pipe:
            while answer:
                answer = answer[pipe.write(answer) or 0 :]
        code = 0
    finally:
        os._exit(code)


def _answer(work: Callable[[Note], _Result], form: TypeAdapter[_Result], note: Note) -> bytes:
    try:
        _bound()
        return _SUCCEEDED + form.dump_json(work(note))
    except MemoryError:
        return b""
    except Exception:  # noqa: BLE001 - the parent raises it
        return _FAILED + traceback.format_exc().encode("utf-8", "backslashreplace")


def _detach_from_parent(writing: int) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGXCPU, *_STOPPED):
        signal.signal(number, signal.SIG_DFL)
    signal.alarm(int(WALL_SECONDS))  # should the parent be gone by then
    with suppress(OSError):
        os.closerange(3, writing)
        os.closerange(writing + 1, os.sysconf("SC_OPEN_MAX"))


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit(resource.RLIMIT_CPU, CPU_SECONDS)
    if sys.platform == "linux":
        pages = int(_STATM.read_text().split()[_DATA_PAGES])
        _limit(resource.RLIMIT_DATA, pages * resource.getpagesize() + MEMORY_BYTES)


def _limit(what: int, amount: int) -> None:
    """The soft limit, which nothing raises again; a lower one that is in force stays."""
    soft, hard = resource.getrlimit(what)
    lowest = [amount, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(what, (min(lowest), hard))
