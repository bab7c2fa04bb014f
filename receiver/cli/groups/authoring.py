"""The commands of whoever points a source at it and edits mapping files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from receiver.cli.common import options as arg
from receiver.cli.common.errors import explained

app = typer.Typer()

_SourceName = Annotated[str, typer.Argument(metavar="SOURCE", help="The source's name.")]


@app.command()
@explained
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="The mappings; RECEIVER_MAPPINGS unless given.")
    ] = None,
    database: Annotated[
        bool | None,
        typer.Option(
            "--database/--offline",
            help="Compare with what has billed. Unless said: if there is a database.",
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="7d|N",
            help="Also say what would bill otherwise than it does now, over the stored deliveries"
            " of so long (30m, 24h, 7d, 2w), or the last N.",
        ),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Check all mapping files and run their examples; print every problem with its place.

    With a database, also refuse edits that would bill again what has billed.
    """
    from receiver.cli import check as checking

    checking.check(folder, use_database=database, against=against, as_json=as_json)


@app.command("try")
@explained
def try_(
    source: _SourceName,
    what: Annotated[
        str, typer.Argument(metavar="FILE|DELIVERY", help="A payload file, - or a delivery's id.")
    ],
    header: Annotated[
        list[str] | None, typer.Option(help="A header, 'Name: value'; may be repeated.")
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Show what a payload would bill, and for each rule why or why not."""
    from receiver.cli import try_ as trying

    trying.try_payload(source, what, tuple(header or ()), as_json=as_json)


@app.command()
@explained
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder, made if need be.")],
    vendors: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="ENTRY,ENTRY",
            help="Ready-made mappings to copy; asked on a terminal unless given.",
            show_default=False,
        ),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Make a folder of your own: mappings, prices, secrets. `receiver up` runs in it."""
    from receiver.cli import init as command

    command.init(folder, vendors=vendors, as_json=as_json)


@app.command()
@explained
def new(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The new source's name.")],
    scheme: Annotated[
        str | None,
        typer.Option(help="How it signs, such as zendesk, or hmac; SOURCE's own unless given."),
    ] = None,
    entry: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="ENTRY", help="Copy this ready-made mapping, its tables and examples."
        ),
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help="Whose outcome it is; asked on a terminal unless given.")
    ] = None,
    indicator: Annotated[
        str | None, typer.Option(help="Which of the agent's; the first unless given.")
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Write a commented mapping file to start from, in shadow mode; overwrite nothing."""
    from receiver.cli import new as starting

    if entry is not None:
        given = {"--scheme": scheme, "--agent": agent, "--indicator": indicator}
        starting.new_from(source, entry, as_json=as_json, given=given)
        return
    starting.new(source, scheme=scheme, wanted=(agent, indicator), as_json=as_json)


@app.command()
@explained
def example(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="The delivery's id.")],
    out: Annotated[
        Path | None, typer.Option(help="Write it to this file, which must not exist yet.")
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Turn a stored delivery into a fixture: personal data taken out, the outcomes the same."""
    from receiver.cli import example as fixtures

    fixtures.example(delivery, path=out, as_json=as_json)


@app.command()
@explained
def send(
    source: _SourceName,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The body; - for standard input.")],
    url: Annotated[str | None, typer.Option(help="Where to; this service unless given.")] = None,
    tamper: Annotated[
        bool, typer.Option("--tamper", help="Change the body after signing; answered 401.")
    ] = False,
    delivery_id: Annotated[
        str | None, typer.Option("--id", help="The vendor's delivery id; a new one unless given.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="A header, 'Name: value'; may be repeated.")
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Post a payload, signed as the vendor would sign it."""
    from receiver.cli import send as sending

    posting = sending.Posting(
        url=url,
        headers=tuple(header or ()),
        delivery_id=delivery_id,
        tamper=tamper,
        as_json=as_json,
    )
    sending.send(source, file, posting)


@app.command()
@explained
def trigger(
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help="The source's name.", show_default=False),
    ] = None,
    examples: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EXAMPLE",
            help="Its examples, by file, or by the rule that they give; listed where none is"
            " named. Several share their new ids: a charge and what takes it back.",
            show_default=False,
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Post the same request twice: it bills once."),
    ] = False,
    url: Annotated[str | None, typer.Option(help="Where to; this service unless given.")] = None,
    as_json: arg.Json = False,
) -> None:
    """Post an example of a mapping file as a new event: fresh ids, the present time, signed."""
    from receiver.cli import send as sending
    from receiver.cli import trigger as command

    posting = sending.Posting(url=url, headers=(), delivery_id=None, tamper=False, as_json=as_json)
    command.trigger(source, examples or (), posting, again=again)


@app.command()
@explained
def verify(
    source: _SourceName,
    request: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="The captured request: HTTP text, or JSON with method, url, headers, body; or -.",
        ),
    ],
    at: Annotated[
        str | None,
        typer.Option(help="Check it as of then: 2026-01-31T08:00:00Z; now unless given."),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Check a captured request offline; say which step fails and what would mend it."""
    from receiver.cli import verify as verifying

    verifying.verify(source, request, at=at, as_json=as_json)


@app.command()
@explained
def schema(
    agents: Annotated[
        bool, typer.Option("--agents", help="That of agents.yaml, not of mapping files.")
    ] = False,
) -> None:
    """Print the JSON Schema of mapping files, for editors."""
    from receiver.cli import schema as command

    command.schema(agents=agents)
