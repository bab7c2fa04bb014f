"""What ties a child process to the `receiver up` that started it.

Owns the child's side: dying with its parent, keeping out of the terminal's signals, saying that
it is ready. It does nothing in a process without a supervisor.

Two ties, since neither is enough alone: Linux kills a child whose parent died, whatever the child
is doing (`PR_SET_PDEATHSIG`); and everywhere the end of a pipe that only the parent holds open
tells the child to go.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import threading
from collections.abc import MutableMapping

#: The read end of the pipe whose write end only the parent holds.
LIFELINE_FD = "RECEIVER_UP_LIFELINE_FD"
#: Where to say once that this process is ready.
READY_FD = "RECEIVER_UP_READY_FD"
#: Who must still be the parent once the ties are in place.
PARENT_PID = "RECEIVER_UP_PARENT_PID"

PR_SET_PDEATHSIG = 1
#: Signals that a terminal sends to the whole group; the parent decides what they mean.
TERMINAL_SIGNALS = frozenset({signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
WATCH_SECONDS = 0.5


def die_with_parent(sig: signal.Signals = signal.SIGKILL) -> bool:
    """Ask the kernel for `sig` when the parent dies; whether this kernel can do that.

    Outlives exec. Source: prctl(2).
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(PR_SET_PDEATHSIG, int(sig), 0, 0, 0) == 0)


def hold(environment: MutableMapping[str, str] = os.environ) -> None:
    """Tie this process to its supervisor, where it has one; otherwise, and again, do nothing.

    The terminal's signals are blocked, not ignored: no library's handler can undo that.
    """
    if LIFELINE_FD not in environment:
        return
    fd, _ = _tie(environment)
    threading.Thread(target=_die_at_end_of, args=(fd,), name="lifeline", daemon=True).start()


def _tie(environment: MutableMapping[str, str]) -> tuple[int, bool]:
    """Do what both kinds of child do first: the lifeline, and whether the kernel holds it too."""
    signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)
    tied = die_with_parent()
    if os.getppid() != int(environment[PARENT_PID]):
        os._exit(1)  # it died before the tie was there
    for name in (LIFELINE_FD, READY_FD):
        os.set_inheritable(int(environment[name]), False)
    return int(environment.pop(LIFELINE_FD)), tied


def _die_at_end_of(fd: int) -> None:
    with contextlib.suppress(OSError):
        os.read(fd, 1)
    os.kill(os.getpid(), signal.SIGKILL)


def report_ready(detail: str = "", environment: MutableMapping[str, str] = os.environ) -> None:
    """Tell the supervisor, where there is one, that this process does its work now, and where."""
    fd = environment.get(READY_FD)
    if fd is None:
        return
    with contextlib.suppress(OSError):  # said before, or the supervisor is gone and so are we
        os.write(int(fd), f"ready {detail}\n".encode())
        os.close(int(fd))


def become(command: list[str], environment: MutableMapping[str, str] = os.environ) -> None:
    """Turn this process into `command`, tied to the supervisor like our own processes are.

    For programs that know nothing of lifelines. Where the kernel cannot tie them, a small
    watcher process does. Never returns.
    """
    fd, tied = _tie(environment)
    if not tied:
        _leave_a_watcher(fd)
    os.umask(0o077)
    os.execv(command[0], command)  # noqa: S606 -- the supervisor's own command line, no shell


def _leave_a_watcher(fd: int) -> None:
    """Fork a process that kills this one when the lifeline ends, and ends with this one."""
    watched = os.getpid()
    if os.fork() != 0:
        return
    while os.getppid() == watched:
        ended, _, _ = select.select([fd], [], [], WATCH_SECONDS)
        if ended and not os.read(fd, 1):
            with contextlib.suppress(ProcessLookupError):
                os.kill(watched, signal.SIGKILL)
            break
    os._exit(0)


if __name__ == "__main__":
    become(sys.argv[1:])
