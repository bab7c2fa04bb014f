"""Processes of a test: started, watched, killed by their id, and gone when the tests are."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from receiver.local.lifeline import die_with_parent


def free_port() -> int:
    """A TCP port of the loopback address that no one listens on right now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_until(done: Callable[[], object], *, seconds: float = 10, what: str = "it") -> None:
    """Poll until `done()` is true; AssertionError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.02)


class Process:
    """One process of a test, its output in a file. Dies with the tests, even by SIGKILL."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        user: str | None = None,
        killed_by: signal.Signals = signal.SIGKILL,
        own_group: bool = False,
    ) -> None:
        self.log = log
        self.command = list(command)
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=directory,
                user=user,
                start_new_session=own_group,
                preexec_fn=lambda: die_with_parent(killed_by),  # noqa: PLW1509 -- one prctl call
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def is_alive(self) -> bool:
        return self.popen.poll() is None

    def output(self) -> str:
        """All that it printed so far, both streams."""
        return self.log.read_text("utf-8", errors="replace")

    def wait_until(self, done: Callable[[], object], *, seconds: float = 20, what: str) -> None:
        """Poll until `done()`; fails at once, with the output, when the process ends first."""

        def done_or_dead() -> bool:
            if done():
                return True
            assert self.is_alive(), f"ended by {self.popen.returncode}:\n{self.output()}"
            return False

        try:
            wait_until(done_or_dead, seconds=seconds, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output()}") from None

    def wait_for_output(self, text: str, *, seconds: float = 20) -> None:
        self.wait_until(lambda: text in self.output(), seconds=seconds, what=f"output {text!r}")

    def signal(self, sig: signal.Signals) -> None:
        self.popen.send_signal(sig)

    def press_ctrl_c(self) -> None:
        """SIGINT to its whole group, as a terminal does. Only for one with an `own_group`."""
        os.killpg(self.pid, signal.SIGINT)

    def wait(self, *, seconds: float = 20) -> int:
        """The exit code, once it ended by itself."""
        return self.popen.wait(seconds)

    def stop(self, *, seconds: float = 20) -> int:
        """SIGTERM and wait: the exit code. Killed, and an error, when it does not go."""
        self.popen.terminate()
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still there after SIGTERM:\n{self.output()}") from None

    def kill(self) -> None:
        """SIGKILL, as a power cut or the kernel's memory killer would."""
        self.popen.kill()
        self.popen.wait()
