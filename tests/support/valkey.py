"""A real Valkey for tests, which may be wiped, killed, frozen and started again."""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path

import redis

from receiver.local import valkey
from tests.support.processes import Process, wait_until


class Valkey:
    """A server with a socket of its own. `url` stays the same over restarts."""

    def __init__(self) -> None:
        # Not pytest's tmp_path: socket paths are short.
        self.directory = Path(tempfile.mkdtemp(prefix="receiver-valkey-"))
        self.socket = self.directory / "valkey.sock"
        self.url = f"unix://{self.socket}"
        self._process: Process | None = None
        self._password: str | None = None
        self.start()

    def start(self) -> None:
        """Start it, empty; returns when it answers."""
        self._password = None
        self.socket.unlink(missing_ok=True)
        log = self.directory / "log"
        self._process = Process(valkey.command(self.socket), log=log)
        self._process.wait_until(self._answers, what="a PONG")

    def client(self) -> redis.Redis:
        """A blocking client, for a test to look or to spoil things with."""
        return redis.Redis.from_url(self.url, password=self._password)

    def fill(self) -> None:
        """Leave no memory for anything that is written (OOM)."""
        with self.client() as client:
            client.config_set("maxmemory", "1")

    def make_read_only(self) -> None:
        """A replica of a server that is not there, as after a failover."""
        with self.client() as client:
            client.replicaof("127.0.0.1", "1")

    def lock_out(self) -> None:
        """Ask for a password that no one has, of every client connected too."""
        with self.client() as client:
            client.config_set("requirepass", "changed by someone")
            self._password = "changed by someone"
        with self.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def flush(self) -> None:
        """Lose everything, at once (FLUSHALL)."""
        with self.client() as client:
            client.flushall()

    def kill(self) -> None:
        """SIGKILL; its socket file stays behind, as it would."""
        if self._process is not None:
            self._process.kill()

    def restart(self) -> None:
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Leave connections open and answer nothing (SIGSTOP)."""
        assert self._process is not None
        self._process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.signal(signal.SIGCONT)
        wait_until(self._answers, what="a PONG after thawing")

    def make_new(self) -> None:
        """Undo what a test did to it: running, thawed, empty."""
        if self._process is None or not self._process.is_alive():
            self.start()
        self.thaw()
        with self.client() as client:
            client.config_set("maxmemory", "0")
            client.replicaof("NO", "ONE")
            client.config_set("requirepass", "")
            self._password = None
        self.flush()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
