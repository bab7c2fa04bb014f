"""The processes under `receiver up`: started in order, restarted when they die, stopped in turn.

Owns how a child is started, found ready, and ended. Knows nothing of what the children do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from receiver.local import lifeline
from receiver.local.errors import ChildFailedError

log = structlog.get_logger(__name__)

#: Pauses before a child that died is started again; a child that ran this long starts afresh.
RESTART_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
STABLE_SECONDS = 30.0
POLL_SECONDS = 0.02

Probe = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One process to run.

    `ready` is the probe of its readiness; None: it reports that itself (`lifeline.report_ready`).
    `foreign` is a program that knows nothing of lifelines. `log` takes its output; None: ours.
    One that does not restart is let go when it dies: `Children.watch` reports it.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Probe | None = None
    foreign: bool = False
    log: Path | None = None
    ready_seconds: float = 30.0
    stop_seconds: float = 10.0
    restarts: bool = True


def receiver_command(*arguments: str) -> tuple[str, ...]:
    """The command line of this same program in another process."""
    return (sys.executable, "-m", "receiver", *arguments)


class RunningChild:
    """A started child."""

    def __init__(self, child: Child, process: asyncio.subprocess.Process, ready_fd: int) -> None:
        self.child = child
        self.process = process
        self.started_at = time.monotonic()
        #: What it added to its report that it is ready.
        self.ready_detail = ""
        self._ready_fd = ready_fd

    async def become_ready(self) -> None:
        """Wait until it does its work; ChildFailedError when it ends or takes too long."""
        probe = self.child.ready or self._reported_ready
        try:
            async with asyncio.timeout(self.child.ready_seconds):
                while not await probe():
                    if self.process.returncode is not None:
                        raise ChildFailedError(self._exit_text())
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise ChildFailedError(
                f"{self.child.name} was not ready within {self.child.ready_seconds:g} s"
                f"{self._see_log()}"
            ) from None
        finally:
            os.close(self._ready_fd)

    async def finish(self) -> None:
        """Wait for its end; ChildFailedError unless it ended well. For what need not be ready."""
        os.close(self._ready_fd)
        code = await self.process.wait()
        if code != 0:
            raise ChildFailedError(f"{self.child.name} failed, by {code}{self._see_log()}")

    async def _reported_ready(self) -> bool:
        try:
            word, _, self.ready_detail = (
                os.read(self._ready_fd, 1024).decode().strip().partition(" ")
            )
        except BlockingIOError:
            return False
        return bool(word)

    def _exit_text(self) -> str:
        return f"{self.child.name} ended at once, by {self.process.returncode}{self._see_log()}"

    def _see_log(self) -> str:
        return f"; see {self.child.log}" if self.child.log else ""

    async def end(self, *, at_once: bool = False) -> None:
        """SIGTERM, and SIGKILL by id when it takes too long."""
        with contextlib.suppress(ProcessLookupError):
            if not at_once:
                self.process.terminate()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.process.wait(), self.child.stop_seconds)
            if self.process.returncode is None:
                log.warning("up.killed", child=self.child.name)
                self.process.kill()
        await self.process.wait()


class Children:
    """The processes of one `up`. Started one after another, ended in the opposite order."""

    def __init__(self) -> None:
        self._running: dict[str, RunningChild] = {}
        self._replacements: dict[str, Child] = {}
        # Nothing is written to it: its end, when this process is gone, is the message.
        self._lifeline_fd, self._held_open_fd = os.pipe()

    async def run_once(self, child: Child) -> None:
        """Run a child to its end; ChildFailedError unless it ends well."""
        running = await self._spawn(child)
        try:
            await running.finish()
        except asyncio.CancelledError:
            await running.end()
            raise

    async def start(self, child: Child) -> str:
        """Start a child and wait until it is ready; what it said about that."""
        running = await self._spawn(child)
        self._running[child.name] = running
        await running.become_ready()
        log.info("up.ready", child=child.name, pid=running.process.pid)
        return running.ready_detail

    async def watch(
        self, on_end: Callable[[Child, int], None] = lambda _child, _code: None
    ) -> None:
        """Start again whatever dies, until cancelled; `on_end` hears of what is not restarted."""
        async with asyncio.TaskGroup() as group:
            for running in self._running.values():
                group.create_task(self._keep(running, on_end), name=f"keep {running.child.name}")

    def replace(self, child: Child) -> None:
        """Stop the child of that name; `watch` starts this one in its service."""
        self._replacements[child.name] = child
        with contextlib.suppress(ProcessLookupError):
            self._running[child.name].process.terminate()

    async def _keep(self, running: RunningChild, on_end: Callable[[Child, int], None]) -> None:
        deaths = 0
        while True:
            code = await running.process.wait()
            if not running.child.restarts:
                on_end(running.child, code)
                return
            if replacement := self._replacements.pop(running.child.name, None):
                running = await self._restarted(replacement)
                continue
            if time.monotonic() - running.started_at > STABLE_SECONDS:
                deaths = 0
            pause = RESTART_SECONDS[min(deaths, len(RESTART_SECONDS) - 1)]
            deaths += 1
            log.warning("up.died", child=running.child.name, code=code, again_in_seconds=pause)
            await asyncio.sleep(pause)
            running = await self._restarted(running.child)

    async def _restarted(self, child: Child) -> RunningChild:
        """The child, started again and waited for."""
        running = await self._spawn(child)
        self._running[child.name] = running
        try:
            await running.become_ready()
        except ChildFailedError as error:
            log.warning("up.not_ready", child=child.name, detail=str(error))
        else:
            log.info("up.ready", child=child.name, pid=running.process.pid)
        return running

    def pids(self) -> dict[str, int]:
        """The process ids by name, of what was started and not stopped."""
        return {name: running.process.pid for name, running in self._running.items()}

    def kill(self) -> None:
        """SIGKILL to all, for a user who will not wait for `stop`."""
        for running in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                running.process.kill()

    async def stop(self, *, at_once: bool = False) -> None:
        """End all of them, the last started first."""
        while self._running:
            _, running = self._running.popitem()
            await running.end(at_once=at_once)

    def close(self) -> None:
        """Let go of the lifeline: what is still there dies."""
        os.close(self._held_open_fd)
        os.close(self._lifeline_fd)

    async def _spawn(self, child: Child) -> RunningChild:
        ready_read, ready_write = os.pipe()
        os.set_blocking(ready_read, False)
        environment = {
            **child.environment,
            lifeline.LIFELINE_FD: str(self._lifeline_fd),
            lifeline.READY_FD: str(ready_write),
            lifeline.PARENT_PID: str(os.getpid()),
        }
        command: Sequence[str] = child.command
        if child.foreign:
            command = (sys.executable, "-m", "receiver.local.lifeline", *command)
        output = child.log.open("ab") if child.log else None
        # Inherited, so that a Ctrl-C in its first moments does not reach it either.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, lifeline.TERMINAL_SIGNALS)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(self._lifeline_fd, ready_write),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(ready_write)
            if output is not None:
                output.close()
        return RunningChild(child, process, ready_read)
