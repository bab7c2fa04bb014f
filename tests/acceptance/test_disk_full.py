"""The disk is full: refused, named, not ready; what was acknowledged settles once there is room."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import SqliteFile
from tests.support.processes import wait_until
from tests.support.service import Service
from tests.support.vendors import helpdesk, solved

pytestmark = pytest.mark.acceptance

MAPPINGS = Path(__file__).with_name("mappings")


def _is_refused_and_not_ready(service: Service, customer: str) -> str:
    """What /readyz reports of the database."""
    began = time.monotonic()
    answer = service.post(helpdesk(solved(customer)))
    assert answer.status_code == 503
    assert time.monotonic() - began < 2
    assert service.http("GET", "/livez").status_code == 200
    ready = service.http("GET", "/readyz")
    assert ready.status_code == 503
    return str({one["name"]: one["summary"] for one in ready.json()["problems"]}["database"])


def _takes_again(service: Service, taken: list[str], customer: str) -> None:
    post = helpdesk(solved(customer))
    wait_until(lambda: service.post(post).is_success, what="taking deliveries again")
    wait_until(lambda: service.http("GET", "/readyz").status_code == 200, what="being ready")
    taken.append(service.post(post).json()["delivery"])
    states = {one: service.settled(one, seconds=30)["state"] for one in taken}
    assert set(states.values()) == {"recorded"}
    assert service.run("status").code == 0


@contextlib.contextmanager
def _nothing_can_grow(service: Service) -> Iterator[None]:
    """Inside, no file can be written by the service: not the database's, not a log."""
    pids = [process.pid for process in service.processes if process.is_alive()]
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@pytest.mark.only("sqlite")
def test_a_disk_that_takes_nothing_more_costs_no_acknowledged_delivery(
    own_service: Service, customer: str
) -> None:
    """Writes end in an error (EFBIG), those of the log too."""
    service = own_service
    web = service.start_web()
    taken = [service.take(helpdesk(solved(customer))) for _ in range(10)]
    worker = service.start_worker()
    with _nothing_can_grow(service):
        for _ in range(3):
            said = _is_refused_and_not_ready(service, customer)
            assert said == "the disk cannot be written or read"
        time.sleep(2)  # the worker tries and tries again
    _takes_again(service, taken, customer)
    assert len(service.billed(customer)) == len(taken)
    assert web.is_alive()
    assert worker.is_alive()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[list[str]]:
    """What puts a command before it into a world with a small disk at `tmp_path/var`."""
    disk = tmp_path / "var"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=6m none {disk} && echo mounted && exec sleep 600"
    holder = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert holder.stdout is not None
        said = holder.stdout.readline().strip()
        if said != "mounted":
            pytest.skip(f"this kernel mounts nothing for us: {said}")
        yield [
            "nsenter", "--user", "--mount", "--preserve-credentials", "--target", str(holder.pid)
        ]  # fmt: skip
    finally:
        holder.kill()
        holder.wait()


def test_a_disk_without_space_costs_no_acknowledged_delivery(
    tmp_path: Path, small_disk: list[str], customer: str
) -> None:
    """The real thing (ENOSPC), where the kernel lets anybody mount a small disk."""
    database = SqliteFile(tmp_path / "var")
    service = Service(tmp_path, database, MAPPINGS)
    service.prefix = small_disk
    try:
        service.migrate()
        service.start_web()
        service.start_worker()
        taken = [service.take(helpdesk(solved(customer))) for _ in range(10)]
        fill = ["sh", "-c", f"cat /dev/zero > {tmp_path}/var/fill"]
        assert subprocess.run([*small_disk, *fill], check=False, stderr=subprocess.PIPE).returncode
        wait_until(
            lambda: service.post(helpdesk(solved(customer, note="x" * 50_000))).status_code == 503,
            what="the first refusal",
        )
        said = _is_refused_and_not_ready(service, customer)
        assert said in ("the disk is full", "the disk cannot be written or read")
        subprocess.run([*small_disk, "rm", f"{tmp_path}/var/fill"], check=True)
        _takes_again(service, taken, customer)
    finally:
        service.close()
