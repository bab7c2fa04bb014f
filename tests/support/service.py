"""A whole service as a user runs it: processes, command line and HTTP, and nothing inside."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from tests.support import warm
from tests.support.databases import Outside
from tests.support.processes import Process, wait_until
from tests.support.valkey import Valkey
from tests.support.vendors import SECRETS, Post

TOKEN = "an admin token of the tests"
NOTHING: Mapping[str, str] = MappingProxyType({})
#: Commands that start from nothing, as a user's do; the others need not import it all each time.
STARTED = frozenset({"serve", "work", "up"})
RECEIVER = (sys.executable, "-m", "receiver")


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Server(Process):
    """A `serve` or `work` process; its log is JSON, one event a line."""

    url: str = ""

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log lines of that name so far."""
        lines = [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def wait_for_event(self, event: str, *, count: int = 1, seconds: float = 20) -> None:
        what = f"log event {event!r}, {count} times"
        self.wait_until(lambda: len(self.logged(event)) >= count, seconds=seconds, what=what)


class Service:
    """One installation: a database, a Valkey, mappings, and the processes that were started."""

    def __init__(self, root: Path, database: Outside, mappings: Path) -> None:
        self.root = root
        self.database = database
        self.valkey = Valkey()
        self.mappings = root / "mappings"
        shutil.copytree(mappings, self.mappings)
        self.secrets = root / "secrets"
        self.secrets.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "RECEIVER_DATABASE_URL": database.url,
            "RECEIVER_REDIS_URL": self.valkey.url,
            "RECEIVER_MAPPINGS": str(self.mappings),
            "RECEIVER_DATA_DIR": str(root / "var"),
            "RECEIVER_SECRETS_DIR": str(self.secrets),
            "RECEIVER_ADMIN_TOKEN": TOKEN,
            **SECRETS,
        }
        #: What every command is put behind, to run elsewhere than the tests.
        self.prefix: Sequence[str] = ()
        self.processes: list[Server] = []
        self._numbers = itertools.count(1)
        self._client = httpx.Client(trust_env=False, timeout=30)

    @property
    def bearer(self) -> str:
        """The header that opens the API."""
        return f"Bearer {TOKEN}"

    def migrate(self) -> None:
        assert self.run("migrate").code == 0

    def start_web(self, *, port: int = 0, environment: Mapping[str, str] = NOTHING) -> Server:
        """A web process that listens; on a free port unless one is given."""
        web = self.spawn("web", ["serve", "--port", str(port)], environment)
        web.wait_for_event("web.ready")
        web.url = web.logged("web.ready")[-1]["url"]
        return web

    def start_worker(self, environment: Mapping[str, str] = NOTHING) -> Server:
        worker = self.spawn("worker", ["work"], environment)
        worker.wait_for_event("worker.ready")
        return worker

    @contextlib.contextmanager
    def another_web(self, environment: Mapping[str, str] = NOTHING) -> Iterator[Server]:
        """A second web process while inside; it is stopped afterwards, as by an operator."""
        other = self.start_web(environment=environment)
        self.processes.remove(other)
        try:
            yield other
        finally:
            other.stop()

    def spawn(
        self,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str] = NOTHING,
        *,
        program: Sequence[str] = RECEIVER,
    ) -> Server:
        """Start a process and do not wait for it; its log has `name` in its name."""
        process = Server(
            [*self.prefix, *program, *arguments],
            log=self.root / f"{name}-{next(self._numbers)}.log",
            environment={**self.environment, **environment},
            directory=self.root,
        )
        self.processes.append(process)
        return process

    @property
    def web(self) -> Server:
        """The web process started last."""
        return [process for process in self.processes if "serve" in process.command][-1]

    @property
    def worker(self) -> Server:
        """The worker started last."""
        return [process for process in self.processes if "work" in process.command][-1]

    def run(
        self,
        *arguments: str,
        given: bytes = b"",
        environment: Mapping[str, str] = NOTHING,
        seconds: float = 60,
    ) -> Ran:
        """A command of `receiver`, its output piped, `given` on its standard input."""
        wanted = {**self.environment, "RECEIVER_PORT": self._port(), **environment}
        if self.prefix or arguments[0] in STARTED:
            done = subprocess.run(
                [*self.prefix, *RECEIVER, *arguments],
                check=False,
                capture_output=True,
                input=given,
                env=wanted,
                cwd=self.root,
                timeout=seconds,
            )
            return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
        code, out, err = warm.run(
            arguments, environment=wanted, directory=self.root, given=given, seconds=seconds
        )
        return Ran(code, out.decode(), err.decode())

    def _port(self) -> str:
        """The web process's, so that `send` finds it; none where there is none."""
        urls = [process.url for process in self.processes if process.url]
        return urls[-1].rpartition(":")[2] if urls else "1"

    def ask(self, *arguments: str) -> Any:
        """What a command that ends well prints with --json."""
        ran = self.run(*arguments, "--json")
        assert ran.code == 0, (arguments, ran)
        return ran.json

    def http(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request to the web process, without the token unless given."""
        return self._client.request(method, self.web.url + path, **more)

    def post(self, post: Post) -> httpx.Response:
        return self.http("POST", post.path, content=post.body, headers=post.headers)

    def take(self, post: Post) -> str:
        """The delivery's id, of a request that is accepted as a new one."""
        answer = self.post(post)
        assert answer.status_code == 202, answer.text
        taken = answer.json()
        assert taken.keys() == {"status", "delivery"}
        assert taken["status"] == "accepted"
        return str(taken["delivery"])

    def api(self, path: str, *, body: Any = None, **query: Any) -> Any:
        """What the API answers, of a call that succeeds: POST with a body, GET without."""
        method = "GET" if body is None else "POST"
        headers = {"authorization": self.bearer}
        answer = self.http(method, f"/api/{path}", headers=headers, json=body, params=query)
        assert answer.is_success, answer.text
        return answer.json()

    def metrics(self) -> dict[str, float]:
        """Every number that the web process counts, by name and labels."""
        lines = self.http("GET", "/metrics").text.splitlines()
        numbers = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(number) for name, number in numbers}

    def settled(self, delivery_id: str, *, seconds: float = 15) -> dict[str, Any]:
        """The delivery, once it is no longer on its way."""
        found: dict[str, Any] = {}

        def is_settled() -> bool:
            found.update(self.api(f"deliveries/{delivery_id}"))
            return bool(found["state"] != "received")

        wait_until(is_settled, seconds=seconds, what=f"settling {delivery_id}")
        return found

    def settle(self, post: Post) -> dict[str, Any]:
        """Post a new delivery and wait for its fate."""
        return self.settled(self.take(post))

    def billed(self, customer: str) -> list[dict[str, Any]]:
        """The customer's billing events, newest first."""
        return list(self.api("billing-events", customer=customer, limit=1000)["items"])

    def replay(self, **where: Any) -> dict[str, Any]:
        """What became of a replay by the API, once it is done."""
        started = self.api("replays", body=where)
        found: dict[str, Any] = {}

        def is_done() -> bool:
            found.update(self.api(f"replays/{started['id']}"))
            return bool(found["state"] == "done")

        wait_until(is_done, seconds=20, what=f"replay {started}")
        assert found["done"] == found["matched"] == started["matched"]
        return found

    def all_settled(self) -> bool:
        return bool(self.api("status")["received"] == 0)

    @contextlib.contextmanager
    def reloaded(self) -> Iterator[None]:
        """Edit mapping files inside; afterwards web and worker have taken the edit up.

        Within 3 s, as promised, without a restart.
        """
        running = [process for process in self.processes if process.is_alive()]
        before = [len(process.logged("mappings.loaded")) for process in running]
        yield
        for process, count in zip(running, before, strict=True):
            process.wait_for_event("mappings.loaded", count=count + 1, seconds=3)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that stands once in a mapping file."""
        path = self.mappings / name
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new))

    def close(self) -> None:
        """Stop all that still runs; a process that does not go, and well, is an error."""
        try:
            for process in reversed(self.processes):
                if process.is_alive():
                    code = process.stop()
                    assert code == 0, f"ended by {code}:\n{process.output()}"
        finally:
            for process in self.processes:
                process.kill()
            self._client.close()
            self.valkey.close()
            self.database.close()
