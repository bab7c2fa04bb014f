"""`receiver up`: everything at once, one at a time, gone without a trace; and the demo."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

import mappings
from tests.support.processes import Process, free_port, wait_until
from tests.support.service import RECEIVER, TOKEN
from tests.support.tunnels import CLOUDFLARED, URLS, install
from tests.support.vendors import SECRETS, Post, helpdesk, solved

pytestmark = pytest.mark.acceptance

OURS = Path(__file__).with_name("mappings")
SHIPPED = Path(mappings.__file__).parent


class Up:
    """A directory in which `receiver up` is run; whatever it started is found and ended."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "RECEIVER_PORT": str(self.port),
            "RECEIVER_ADMIN_TOKEN": TOKEN,
        }
        self.started: list[Process] = []
        self._seen: set[psutil.Process] = set()

    def start(self, *arguments: str, **environment: str) -> Process:
        """Run it; its output is of this run alone."""
        process = Process(
            [*RECEIVER, "up", *arguments],
            log=self.root / f"up-{len(self.started)}.log",
            environment={**self.environment, **environment},
            directory=self.root,
            own_group=True,
        )
        self.started.append(process)
        return process

    def start_ours(self) -> Process:
        """With the tests' mappings and their secrets, up and ready."""
        shutil.copytree(OURS, self.root / "mappings", dirs_exist_ok=True)
        others = dict.fromkeys(("SHUT_SECRET", "LATE_SECRET"), SECRETS["TICKETS_SECRET"])
        process = self.start(**SECRETS, **others)
        process.wait_for_output("receiver is up at")
        return process

    def children(self, process: Process) -> dict[str, psutil.Process]:
        """Its processes by what they are."""
        found = psutil.Process(process.pid).children(recursive=True)
        self._seen.update(found)
        named = {_name(child): child for child in found}
        return {name: child for name, child in named.items() if name is not None}

    def post(self, post: Post) -> httpx.Response:
        return httpx.post(self.url + post.path, content=post.body, headers=post.headers)

    def get(self, path: str, token: str = TOKEN) -> httpx.Response:
        return httpx.get(self.url + path, headers={"authorization": f"Bearer {token}"})

    def billed(self, delivery_id: str) -> list[str]:
        """The amounts that a delivery billed, once it has settled."""

        def found() -> dict[str, object]:
            answer: dict[str, object] = self.get(f"/api/deliveries/{delivery_id}").json()
            return answer

        wait_until(lambda: found()["state"] != "received", what="settling")
        events = found()["billing_events"]
        assert isinstance(events, list)
        return [str(event["amount"]) for event in events]

    def close(self) -> None:
        for process in self.started:
            if process.is_alive():
                self.children(process)
                process.kill()
        _, left = psutil.wait_procs(self._seen, timeout=10)
        for child in left:
            child.kill()


def _name(child: psutil.Process) -> str | None:
    """Nothing for one that is dead already."""
    with contextlib.suppress(psutil.NoSuchProcess):
        words = child.cmdline()
        ours = [word for word in ("serve", "work") if word in words]
        return ours[0] if ours else child.name() if words else None
    return None


def _gone(children: dict[str, psutil.Process]) -> bool:
    return not any(
        child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children.values()
    )


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Up, Process]]:
    """One that is up, for those who leave it so."""
    place = Up(tmp_path_factory.mktemp("live"))
    try:
        yield place, place.start_ours()
    finally:
        place.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Up]:
    up = Up(tmp_path)
    yield up
    up.close()


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_up_opens_its_port_when_all_is_ready_and_ctrl_c_ends_all_of_it(
    place: Up, database: str, request: pytest.FixtureRequest
) -> None:
    if database == "postgres":
        place.environment["RECEIVER_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    shutil.copytree(OURS, place.root / "mappings")
    open_secrets = dict.fromkeys(("SHUT_SECRET", "LATE_SECRET"), SECRETS["TICKETS_SECRET"])
    up = place.start(**SECRETS, **open_secrets)
    up.wait_until(lambda: _is_open(place.port), what="the port")
    first_look = place.get("/readyz").json()
    assert first_look == {"status": "ok", "problems": []}
    answer = place.post(helpdesk(solved("acme")))
    assert answer.status_code == 202
    assert place.billed(answer.json()["delivery"]) == ["0.99"]

    children = place.children(up)
    assert children.keys() == {"serve", "work", "valkey-server"}
    assert {os.getpgid(child.pid) for child in children.values()} == {up.pid}
    up.press_ctrl_c()
    assert up.wait() == 0
    assert _gone(children)
    assert not _is_open(place.port)
    assert "Traceback" not in up.output()


def test_a_second_live_up_exits_1_and_leaves_the_first_alone(live: tuple[Up, Process]) -> None:
    place, first = live
    second = place.start()
    assert second.wait() == 1
    assert f"process {first.pid}" in second.output()
    assert "Traceback" not in second.output()
    assert place.get("/livez").status_code == 200
    assert len(place.children(first)) == 3


def test_a_killed_up_leaves_no_child_and_a_new_one_takes_over(place: Up) -> None:
    killed = place.start_ours()
    before = place.post(helpdesk(solved("acme"))).json()["delivery"]
    children = place.children(killed)
    killed.kill()
    new = place.start_ours()  # at once: it waits for what is still dying
    assert _gone(children)
    assert place.billed(before) == ["0.99"]
    after = place.post(helpdesk(solved("acme")))
    assert place.billed(after.json()["delivery"]) == ["0.99"]
    children = place.children(new)
    new.kill()
    wait_until(lambda: _gone(children) and not _is_open(place.port), what="the end of all")


def test_a_child_that_dies_is_started_again(live: tuple[Up, Process]) -> None:
    place, up = live
    children = place.children(up)
    for child in children.values():
        child.send_signal(signal.SIGKILL)

    def has_recovered() -> bool:
        now = place.children(up)
        return (
            now.keys() == children.keys()
            and not set(now.values()) & set(children.values())
            and _is_open(place.port)
            and place.get("/readyz").json()["status"] == "ok"
        )

    up.wait_until(has_recovered, what="starting all again")
    answer = place.post(helpdesk(solved("acme")))
    assert place.billed(answer.json()["delivery"]) == ["0.99"]


def test_up_makes_throw_away_secrets_for_shipped_sources_and_serve_never_does(place: Up) -> None:
    place.environment["RECEIVER_MAPPINGS"] = str(SHIPPED)
    migrate = [*RECEIVER, "migrate"]
    subprocess.run(migrate, check=True, env=place.environment, cwd=place.root, timeout=60)
    serve = Process(
        [*RECEIVER, "serve"],
        log=place.root / "serve.log",
        environment=place.environment,
        directory=place.root,
    )
    serve.wait_for_output("web.ready")
    assert httpx.post(f"{place.url}/webhooks/zendesk", content=b"{}").status_code == 503
    assert serve.stop() == 0
    folder = place.root / "var" / "secrets"
    assert not folder.exists()

    programs = install(place.root / "programs", "cloudflared", CLOUDFLARED).parent
    place.environment["PATH"] = f"{programs}:{place.environment['PATH']}"
    up = place.start("--tunnel", "cloudflared")
    up.wait_for_output("receiver is up at")
    assert httpx.post(f"{place.url}/webhooks/zendesk", content=b"{}").status_code == 401
    _tunnel_is_known_while_it_lives(place, up)
    assert "throw-away secrets" in up.output()
    made = {path.name: path.read_text().strip() for path in folder.iterdir()}
    assert {"APPROVALS_SECRET", "GITHUB_SECRET", "HUBSPOT_SECRET", "ZENDESK_SECRET"} <= made.keys()
    assert not [name for name, secret in made.items() if secret in up.output()]
    for path in (folder, *folder.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    up.press_ctrl_c()
    assert up.wait() == 0


def _tunnel_is_known_while_it_lives(place: Up, up: Process) -> None:
    """Its URL is in the API and in another terminal, until it dies."""

    def url() -> str:
        with contextlib.suppress(httpx.HTTPError):
            return str(place.get("/api/sources").json()["items"][0]["url"])
        return "the web process is being started again"

    wanted = f"{URLS['cloudflared']}/webhooks/approvals"
    assert f"vendors call {URLS['cloudflared']}/webhooks/SOURCE" in up.output()
    assert url() == wanted
    # A terminal in which nothing is set but where the mappings are.
    bare = {"PATH": place.environment["PATH"], "HOME": str(place.root)}
    sources = subprocess.run(
        [*RECEIVER, "sources", "--json"],
        check=True,
        capture_output=True,
        text=True,
        env=bare,
        cwd=place.root,
        timeout=60,
    )
    assert wanted in sources.stdout
    tunnels = psutil.Process(up.pid).children(recursive=True)
    (tunnel,) = [child for child in tunnels if child.name() == "sleep"]
    tunnel.kill()
    up.wait_for_output("is withdrawn")
    up.wait_until(lambda: url() == f"{place.url}/webhooks/approvals", what="another URL")


def _table(output: str) -> dict[str, str]:
    """The first line of each example, by source and name."""
    lines = re.findall(r"^(approvals|github|hubspot|zendesk) +(\S+) +(.*)$", output, re.MULTILINE)
    return {f"{source}-{name}": rest for source, name, rest in lines}


def test_the_demo_shows_what_each_example_became_and_bills_nothing_again(place: Up) -> None:
    real = {
        "RECEIVER_DATABASE_URL": "postgresql+asyncpg://absent@127.0.0.1:1/real",
        "RECEIVER_REDIS_URL": "redis://127.0.0.1:1",
        "RECEIVER_MAPPINGS": str(SHIPPED),
    }
    first = place.start("--demo", **real)
    first.wait_for_output("receiver is up at", seconds=60)
    said = first.output()
    assert "ignored: RECEIVER_DATABASE_URL, RECEIVER_REDIS_URL" in said
    table = _table(said)
    examples = {path.stem for path in (SHIPPED / "examples").iterdir()}
    assert table.keys() == examples
    for name, line in table.items():
        assert line.startswith("202"), (name, line)
    assert re.fullmatch(
        r"202 +recorded +support-agent · acme-corp · ticket-resolved +0\.99 USD *",
        table["zendesk-solved"],
    )
    assert "failed: unmapped" in table["zendesk-unknown-organization"]
    (billed,) = re.findall(r"billed by this run: +(.*)", said)
    (ledger,) = re.findall(r"the demo's ledger: +(.*)", said)
    assert billed == ledger
    _next_steps_work(place, said)
    first.press_ctrl_c()
    assert first.wait() == 0

    second = place.start("--demo", **real)
    second.wait_for_output("receiver is up at", seconds=60)
    said = second.output()
    assert "billed by this run:  nothing: all of it had been billed before" in said
    assert f"the demo's ledger:   {ledger}" in said
    again = _table(said)
    assert again.keys() == examples
    for name, line in again.items():
        # HubSpot has no delivery id: what it signs again is a delivery of its own.
        assert line.startswith("202" if name.startswith("hubspot") else "200"), (name, line)
        assert "nothing" in line
    second.press_ctrl_c()
    assert second.wait() == 0
    assert "Traceback" not in first.output() + second.output()
    assert [path.name for path in (place.root / "var").iterdir()] == ["demo"]


def _next_steps_work(place: Up, said: str) -> None:
    """What the demo prints to be tried next works as it stands, in a shell of the user's."""
    steps = re.findall(r"^  (\S.*)$", said.partition("Try next")[2], re.MULTILINE)
    programs = [step for step in steps if "receiver" in step.split()[0] or step.startswith("curl")]
    assert len(programs) >= 4
    environment = {"PATH": os.environ["PATH"], "HOME": str(place.root)}
    for program in programs:
        done = subprocess.run(
            ["sh", "-c", program],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            cwd=place.root,
            timeout=60,
        )
        assert done.returncode == (1 if "--tamper" in program else 0), (program, done)
        assert "Traceback" not in done.stderr
        if program.startswith("curl"):
            assert '"items"' in done.stdout
