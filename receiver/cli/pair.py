"""Open a window for the secret that a vendor sends during set-up (Asana, Notion)."""

from __future__ import annotations

import secrets as randomness
import time
from typing import Annotated

import typer

from jobs.common.timestamps import in_utc
from jobs.intake.pairing import Window, close_window, open_window, taken
from mappings.engine.loading.load import Source
from receiver.cli.common import options as arg
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.session import Session
from receiver.signatures import Scheme
from receiver.signatures.signing import with_parameter
from receiver.sources.listing import source_url
from receiver.terminal.output import Output
from receiver.web.handshakes import PAIR

EXAMPLES = ("receiver pair asana --wait", "receiver pair asana --minutes 0")

LOOK_SECONDS = 0.3
_TOKEN_BYTES = 16


def pair(
    source_name: arg.SourceName,
    minutes: Annotated[
        int, typer.Option(min=0, max=60, help="How long the window is open; 0 closes it.")
    ] = 10,
    secret: Annotated[
        str | None,
        typer.Option(help="The name of the secret; the first that is not set by default."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Allow it to replace a secret in use.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the vendor and show what it sent.")
    ] = False,
    as_json: arg.Json = False,
) -> None:
    """Open or close the window, print the next step, and wait if asked to."""
    session, out = Session(), Output(as_json=as_json)
    source = session.source(source_name)
    learns = _learns(session.scheme(source))
    if minutes == 0:
        session.run(close_window, source.name)
        out.say(f"the window of {source.name} is closed")
        return
    name = _secret_to_learn(session, source, secret, replace=replace) if learns else None
    window = Window(source=source.name, secret=name, replaces=replace)
    token, seconds = randomness.token_urlsafe(_TOKEN_BYTES), minutes * 60
    until = session.run(open_window, window, token=token, seconds=seconds)
    url = with_parameter(source_url(session.settings, source.name), PAIR, token)
    out.say(f"open until {until:%H:%M:%S}Z, for one request: give the vendor exactly this URL")
    out.say(f"  {url}")
    out.say("only a request to this URL is accepted: keep it between you and the vendor")
    if name:
        out.say(f"what it sends is kept as {name} in the database")
    shown = _wait_for(session, source.name, seconds) if wait else None
    if as_json:
        fields = {"source": source.name, "secret": name, "until": in_utc(until)}
        out.json({**fields, "url": url, "sent": shown})
    for field, value in (shown or {}).items():
        out.line(f"{field}: {value}")
    if wait and shown is None:
        raise CommandError(f"nothing came for {source.name} while the window was open")


def _wait_for(session: Session, source: str, seconds: float) -> dict[str, str] | None:
    """What the vendor sent, or None when the window has closed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        shown = session.run(taken, source)
        if shown is not None:
            return shown
        time.sleep(LOOK_SECONDS)
    shown = session.run(taken, source)
    session.run(close_window, source)
    return shown


def _learns(scheme: Scheme) -> bool:
    """Whether a secret is learnt, or only something shown; CommandError where neither is."""
    if any(one.learns for one in scheme.handshakes):
        return True
    if not any(one.shows for one in scheme.handshakes):
        message = (
            f"{scheme.name} sends no secret while it is set up; take it from the vendor's page"
        )
        raise CommandError(message, code=MISUSE)
    return False


def _secret_to_learn(session: Session, source: Source, wanted: str | None, *, replace: bool) -> str:
    """The name under which the secret is kept: an unused one, unless `replace` is given."""
    if wanted is not None and wanted not in source.secrets:
        listed = ", ".join(source.secrets)
        raise CommandError(f"{source.name} has no secret {wanted}; it has {listed}", code=MISUSE)
    names = source.secrets if wanted is None else (wanted,)
    free = [name for name in names if session.secrets.may_be_paired(name)]
    if not free:
        listed = " or ".join(names)
        raise CommandError(f"{listed} is set in the environment or a file: remove it there first")
    unused = [name for name in free if not session.secrets.was_learnt(name)]
    if unused or replace:
        return (unused or free)[0]
    listed = ", ".join([*source.secrets, _next_name(session, source)])
    raise CommandError(
        f"{' and '.join(free)} came from the vendor and is in use: the webhook that signs with it"
        f" would be refused. Give {source.file} another name, `secrets: [{listed}]`, and both are"
        " accepted; or replace it with --replace"
    )


def _next_name(session: Session, source: Source) -> str:
    """A name that no source has yet, and nothing a value for."""
    named = {name for one in session.edited.sources.values() for name in one.secrets}
    first, number = source.secrets[0], 2
    while f"{first}_{number}" in named or session.secrets.get(f"{first}_{number}") is not None:
        number += 1
    return f"{first}_{number}"
