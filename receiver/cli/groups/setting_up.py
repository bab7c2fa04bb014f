"""The commands of whoever sets a vendor up: what each scheme is, and windows for its secret."""

from __future__ import annotations

from typing import Annotated

import typer

from receiver.cli.common import options as arg
from receiver.cli.common.errors import explained

app = typer.Typer()


@app.command()
@explained
def schemes(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A word in its name or vendor, `hmac` for its keys, or a source of yours.",
            show_default=False,
        ),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """List the schemes: header, what is signed, window, strength, what if captured."""
    from receiver.cli import schemes as command

    command.schemes(name, as_json=as_json)


@app.command()
@explained
def pair(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The source's name.")],
    minutes: Annotated[
        int, typer.Option(min=0, max=60, help="How long the window is open; 0 closes it.")
    ] = 10,
    secret: Annotated[
        str | None,
        typer.Option(help="Which of its secrets; the first that is not set unless given."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let it take the place of a secret in use.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the vendor and show what it sent.")
    ] = False,
    as_json: arg.Json = False,
) -> None:
    """Take the secret that a vendor sends while it is set up (Asana, Notion): once, now."""
    from receiver.cli import pair as pairing

    options = pairing.PairOptions(minutes=minutes, secret=secret, replace=replace, wait=wait)
    pairing.pair(source, options, as_json=as_json)
