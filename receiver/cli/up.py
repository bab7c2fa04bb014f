"""Run everything on this machine: Valkey, migrations, a worker and the web process."""

from __future__ import annotations

from typing import Annotated

import typer

from mappings.engine.common.suggest import hint
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.installation import refuse_demo_directory
from receiver.cli.common.process import log_setting_warnings
from receiver.config.reading import load_settings
from receiver.local.errors import UpError
from receiver.local.supervisor import up as run
from receiver.local.tunnel import Tunnel

EXAMPLES = ("receiver up", "receiver up --demo")


def up(
    *,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo",
            help="Post the shipped examples and show what each bills, in a directory of its own.",
        ),
    ] = False,
    public_url: Annotated[
        str | None,
        typer.Option(
            help="The base URL for vendors, such as a tunnel's; overrides RECEIVER_PUBLIC_URL."
        ),
    ] = None,
    tunnel: Annotated[
        str | None,
        typer.Option(
            metavar="cloudflared|ngrok",
            help="Open a tunnel with an installed program; its URL is the public one.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run until a signal; CommandError if it cannot start."""
    settings = load_settings() if public_url is None else load_settings(public_url=public_url)
    if tunnel is not None and public_url is not None:
        raise CommandError("--tunnel has its own public URL; leave --public-url out", code=MISUSE)
    if not demo:
        refuse_demo_directory(settings)
    log_setting_warnings()
    try:
        run(settings, demo=demo, tunnel=_tunnel(tunnel))
    except UpError as error:
        raise CommandError(str(error)) from error


def _tunnel(name: str | None) -> Tunnel | None:
    known = [one.value for one in Tunnel]
    if name is not None and name not in known:
        raise CommandError(f"--tunnel is {name!r}; {hint(name, known)}", code=MISUSE)
    return None if name is None else Tunnel(name)
