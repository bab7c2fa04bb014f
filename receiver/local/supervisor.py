"""`receiver up`: everything on one machine, in order, until a signal ends it.

Owns which processes there are: Valkey unless another Redis is named, the migration, a worker,
and the web process last, so that its port opens when all the rest is ready. Refuses to be
the second one on a data directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from jobs.filters import DeliveryFilter
from jobs.storage.database import open_database
from receiver.config.data_dir import mark_as_demo
from receiver.config.logging import configure_logs
from receiver.config.settings import Settings
from receiver.feed.feeds import DatabaseFeed
from receiver.feed.follow import follow
from receiver.feed.lines import line_of
from receiver.local import running_service, valkey
from receiver.local.children import Child, Children, receiver_command
from receiver.local.demo import run_demo
from receiver.local.errors import ChildFailedError, UpError
from receiver.local.lock import only_one
from receiver.local.service import LocalService, as_environment, configured_service, demo_service
from receiver.local.tunnel import Tunnel, last_words, tunnel_child
from receiver.terminal.output import Output

log = structlog.get_logger(__name__)

#: What a killed `up` left dies by itself within this time; its port is free again then.
REMAINS_SECONDS = 5.0
POLL_SECONDS = 0.1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(settings: Settings, *, demo: bool = False, tunnel: Tunnel | None = None) -> None:
    """Run until a signal ends it; with `demo`, post the shipped examples to a service of its own.

    With `tunnel`, its URL is the public one while it lives.

    Raises UpError where it cannot come up, and OSError where the mappings cannot be read.
    """
    configure_logs(settings.log_format, "warning" if demo else settings.log_level)
    os.umask(0o077)  # what is made here, by the children too, is for the owner alone
    if tunnel is not None:
        refuse_unfit_tunnel(settings, tunnel, demo=demo)
    service = demo_service(settings) if demo else configured_service(settings)
    with only_one(service.settings.data_dir):
        running_service.withdraw(service.settings.data_dir)  # what a killed one left
        if demo:
            mark_as_demo(service.settings.data_dir)
        try:
            asyncio.run(_until_stopped(service, demo=demo, tunnel=tunnel))
        finally:
            running_service.withdraw(service.settings.data_dir)


def refuse_unfit_tunnel(settings: Settings, tunnel: Tunnel, *, demo: bool) -> None:
    """Raise UpError where the tunnel is not installed or has nowhere to lead to."""
    tunnel.program()
    if demo:
        raise UpError("the demo takes no webhooks from outside; leave --tunnel out")
    if not settings.port:
        raise UpError("a tunnel needs a port to lead to; set RECEIVER_PORT to one")


async def _until_stopped(service: LocalService, *, demo: bool, tunnel: Tunnel | None) -> None:
    children = Children()
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            children.kill()  # asked twice: no waiting
        stop.set()

    for one in STOP_SIGNALS:
        loop.add_signal_handler(one, on_signal)
    work = asyncio.create_task(_work(service, children, demo=demo, tunnel=tunnel))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        for task in (work, stopping):
            task.cancel()
        await asyncio.gather(work, stopping, return_exceptions=True)
        await children.stop()
        children.close()


async def _work(
    service: LocalService, children: Children, *, demo: bool, tunnel: Tunnel | None = None
) -> None:
    out = Output()
    without_tunnel = service
    for note in service.notes:
        out.say(note)
    await _wait_for_port(service.settings)
    if tunnel is not None:
        service = await with_tunnel(service, children, tunnel)
    said = await _start(service, children)
    url = service.url if service.settings.port else said
    running_service.announce(service.settings, url)

    def on_end(_: Child, code: int) -> None:
        out.say(
            f"the tunnel ended, by {code}: {service.settings.public_url} no longer leads here"
            " and is withdrawn. Stop `receiver up` and start it again for another one"
        )
        running_service.announce(without_tunnel.settings, url)
        children.replace(_web(without_tunnel))

    watching, showing = asyncio.create_task(children.watch(on_end)), None
    try:
        if demo:
            await run_demo(service, url, out)
        if service.settings.public_url and not demo:
            out.say(f"vendors call {service.settings.public_url}/webhooks/SOURCE")
        out.say(f"receiver is up at {url}; Ctrl-C ends it")
        if sys.stdout.isatty():
            showing = asyncio.create_task(show_deliveries(service.settings, out))
        await watching
    finally:
        for task in filter(None, (watching, showing)):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def show_deliveries(settings: Settings, out: Output) -> None:
    """A line for each delivery once it has settled, and for each refused request, on and on."""
    database = open_database(settings.database, pool_size=1)
    try:
        await follow(DatabaseFeed(database), DeliveryFilter(), lambda one: out.line(line_of(one)))
    except Exception:
        # The service goes on without its lines.
        log.exception("up.lines_ended")
    finally:
        await database.close()


async def _start(service: LocalService, children: Children) -> str:
    """Start all in order; returns the URL that the web process listens on."""
    logs = service.log_dir or service.settings.data_dir / "log"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    if service.embeds_valkey:
        await children.start(_valkey(service, logs))
    await children.run_once(_own("migrate", service, command=("migrate",)))
    await children.start(_own("worker", service, command=("work",)))
    return await children.start(_web(service))


async def with_tunnel(service: LocalService, children: Children, tunnel: Tunnel) -> LocalService:
    """The service with the tunnel's URL as the public one, once the tunnel has it."""
    logs = service.settings.data_dir / "log"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    output = _new_log(logs, "tunnel")
    try:
        await children.start(tunnel_child(tunnel, service.url, output))
    except ChildFailedError as error:
        raise ChildFailedError(f"{error}: {last_words(output)}") from error
    url = tunnel.url_in(output.read_text("utf-8", "replace"))
    settings = service.settings.model_copy(update={"public_url": url})
    return replace(service, settings=settings, added=as_environment(settings))


def _web(service: LocalService) -> Child:
    return _own(
        "web", service, command=("serve",), stop_seconds=service.settings.shutdown_seconds + 5
    )


def _own(
    name: str, service: LocalService, *, command: tuple[str, ...], stop_seconds: float = 10
) -> Child:
    return Child(
        name=name,
        command=receiver_command(*command),
        environment=service.environment,
        log=_new_log(service.log_dir, name) if service.log_dir else None,
        stop_seconds=stop_seconds,
    )


def _valkey(service: LocalService, logs: Path) -> Child:
    path = valkey.prepare(service.settings.data_dir)
    return Child(
        name="valkey",
        command=tuple(valkey.command(path)),
        environment=service.environment,
        ready=partial(valkey.answers, path),
        foreign=True,
        log=_new_log(logs, "valkey"),
    )


def _new_log(folder: Path, name: str) -> Path:
    """The file that takes the output of one child; what an earlier one said is gone."""
    path = folder / f"{name}.log"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    return path


async def _wait_for_port(settings: Settings) -> None:
    """Return when the port is free; UpError when it stays taken."""
    for _ in range(int(REMAINS_SECONDS / POLL_SECONDS)):
        if not _is_taken(settings.host, settings.port):
            return
        await asyncio.sleep(POLL_SECONDS)
    raise UpError(
        f"{settings.host}:{settings.port} is taken by another program, perhaps a demo or another "
        "`receiver up` in another terminal; stop it there (Ctrl-C), or set RECEIVER_PORT to "
        "another port"
    )


def _is_taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False
