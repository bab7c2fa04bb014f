"""Commands of `receiver` as processes that need not import it again, which takes most of a second.

Owns a server that has imported the command line and forks for each command: a process of its own,
with its own environment, directory and streams, that ends as any other. Not for `serve`, `work` and
`up`, whose own start is what tests are about; nor for a test of how a command starts.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import pkgutil
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, NoReturn

from receiver.local.lifeline import die_with_parent

ROOT = Path(__file__).parents[2]
#: The request to a forked command, and how it ended.
_MESSAGE_BYTES = 1 << 16


def run(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    given: bytes,
    seconds: float,
    is_merged: bool = False,
) -> tuple[int, bytes, bytes]:
    """Exit code, standard output and standard error. Raises subprocess.TimeoutExpired.

    `is_merged`: both go to standard output, in the order in which a terminal shows them.
    """
    with contextlib.ExitStack() as stack:
        streams: list[IO[bytes]] = [stack.enter_context(tempfile.TemporaryFile()) for _ in "ioe"]
        streams[0].write(given)
        streams[0].seek(0)
        order = {"arguments": list(arguments), "environment": dict(environment)}
        line = json.dumps({**order, "directory": str(directory)}).encode()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as call:
            call.settimeout(seconds)
            call.connect(str(_server()))
            used = [streams[0], streams[1], streams[1]] if is_merged else streams
            socket.send_fds(call, [line], [stream.fileno() for stream in used])
            pid = int(call.recv(_MESSAGE_BYTES))
            try:
                code = int(call.recv(_MESSAGE_BYTES))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(arguments), seconds) from None
        return code, _content(streams[1]), _content(streams[2])


def _content(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    return stream.read()


@cache
def _server() -> Path:
    """The socket of the one server of these tests, started when first asked for."""
    directory = tempfile.mkdtemp(prefix="receiver-warm-")
    path = Path(directory) / "socket"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", __name__, str(path)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        preexec_fn=die_with_parent,  # noqa: PLW1509 -- one prctl call
    )
    atexit.register(_end, process, path)
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, "the server of warm commands ended"
        assert time.monotonic() < deadline, "the server of warm commands did not start"
        time.sleep(0.02)
    return path


def _end(process: subprocess.Popen[bytes], path: Path) -> None:
    process.kill()
    process.wait()
    path.unlink(missing_ok=True)
    path.parent.rmdir()


def _serve(path: Path) -> NoReturn:
    """Fork for each call until killed."""
    commands = importlib.import_module("receiver.cli")
    for module in pkgutil.iter_modules(commands.__path__, "receiver.cli."):
        importlib.import_module(module.name)
    assert threading.active_count() == 1, "a fork copies no other thread"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no one waits for those that answer
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(f"{path}.new")
        listening.listen(64)
        Path(f"{path}.new").rename(path)
        while True:
            call, _ = listening.accept()
            if os.fork() == 0:
                die_with_parent()
                listening.close()
                _answer(call)
            call.close()


def _answer(call: socket.socket) -> NoReturn:
    """Fork the command, and tell its pid and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    line, streams, _, _ = socket.recv_fds(call, _MESSAGE_BYTES, 3)
    pid = os.fork()
    if pid == 0:
        die_with_parent()
        call.close()
        _become(json.loads(line), streams)
    call.send(str(pid).encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        call.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(order: Mapping[str, object], streams: Sequence[int]) -> NoReturn:
    """Be the command, as `python -m receiver` would be."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, max(streams) + 1)
    os.chdir(str(order["directory"]))
    os.environ.clear()
    os.environ.update(order["environment"])  # type: ignore[call-overload]  # what was sent is a dict
    sys.argv = ["receiver", *order["arguments"]]  # type: ignore[misc]  # and a list
    random.seed()
    code = 1
    try:
        importlib.import_module("receiver.cli").main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:  # noqa: BLE001 - as the interpreter does with what no one caught
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
