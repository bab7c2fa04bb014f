"""The commands that run it: everything here at once, or one process each."""

from __future__ import annotations

from typing import Annotated

import typer

from receiver.cli.common.errors import explained

app = typer.Typer()

_Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse to start while any mapping file has a problem.")
]


@app.command()
@explained
def up(
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Post the shipped examples and show what each bills, in its own place."
        ),
    ] = False,
    public_url: Annotated[
        str | None,
        typer.Option(help="What vendors call, such as a tunnel's; before RECEIVER_PUBLIC_URL."),
    ] = None,
    tunnel: Annotated[
        str | None,
        typer.Option(
            metavar="cloudflared|ngrok",
            help="Open a tunnel with a program that is installed; its URL is what vendors call.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run everything here: Valkey, migrations, a worker and the web process."""
    from receiver.cli import up as upping

    upping.up(demo=demo, public_url=public_url, tunnel=tunnel)


@app.command()
@explained
def serve(
    host: Annotated[str | None, typer.Option(help="Goes before RECEIVER_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Goes before RECEIVER_PORT.")] = None,
    strict: _Strict = False,
) -> None:
    """Run the web process: webhooks, health, API."""
    from receiver.cli import serve as serving

    serving.serve(strict=strict, host=host, port=port)


@app.command()
@explained
def work(strict: _Strict = False) -> None:
    """Run a worker: settles what the web process took in. As many as you like."""
    from receiver.cli import serve as serving

    serving.work(strict=strict)


@app.command()
@explained
def migrate(
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the database, at most a minute.")
    ] = False,
) -> None:
    """Bring the database to this version's tables."""
    from receiver.cli import migrate as migrating

    migrating.migrate(wait=wait)
