"""`pair`: open the window in which a vendor's own secret is taken."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from jobs.moments import in_utc
from mappings.load import Source
from receiver.cli.output import Output
from receiver.cli.session import Session
from receiver.cli.trouble import MISUSE, Trouble
from receiver.pairing import Pairing, Window
from receiver.signatures import Scheme, SchemeInvalid, scheme_of
from receiver.sourcelist import source_url

LOOK_SECONDS = 0.3


def pair(source_name: str, *, minutes: int, secret: str | None, wait: bool, as_json: bool) -> None:
    """Open or close the window, say what to do now, and wait where that is asked for."""
    session, out = Session(), Output(as_json=as_json)
    source = session.source(source_name)
    settings = session.settings
    pairing = Pairing(folder=settings.pairing_dir, secrets=settings.paired_secrets_dir)
    learns = _learns(_scheme_of(source))
    if minutes == 0:
        pairing.close(source.name)
        out.say(f"the window of {source.name} is closed")
        return
    name = _secret_to_learn(session, source, secret) if learns else None
    window = Window(source.name, name, time.time() + minutes * 60)
    pairing.open(window)
    until = datetime.fromtimestamp(window.until, UTC)
    out.say(f"open until {until:%H:%M:%S}Z, for one secret: set the vendor up now, with the URL")
    out.say(f"  {source_url(settings, source.name)}")
    if name:
        out.say(f"what it sends is kept as {name} in {pairing.kept_in(name)}")
    shown = _wait_for(pairing, window) if wait else None
    if as_json:
        out.json(
            {
                "source": source.name,
                "secret": name,
                "until": in_utc(until),
                "sent": shown,
            }
        )
    for field, value in (shown or {}).items():
        out.line(f"{field}: {value}")
    if wait and shown is None:
        raise Trouble(f"nothing came for {source.name} while the window was open")


def _wait_for(pairing: Pairing, window: Window) -> dict[str, str] | None:
    """What the vendor sent, or None when the window has closed."""
    while time.time() < window.until:
        shown = pairing.taken(window.source)
        if shown is not None:
            return shown
        time.sleep(LOOK_SECONDS)
    pairing.close(window.source)
    return pairing.taken(window.source)


def _scheme_of(source: Source) -> Scheme:
    try:
        return scheme_of(source.verify)
    except SchemeInvalid as error:
        raise Trouble(str(error)) from error


def _learns(scheme: Scheme) -> bool:
    """Whether a secret is learnt, or only something shown; Trouble where neither is."""
    if any(one.learns for one in scheme.handshakes):
        return True
    if not any(one.shows for one in scheme.handshakes):
        message = (
            f"{scheme.name} sends no secret while it is set up; take it from the vendor's page"
        )
        raise Trouble(message, code=MISUSE)
    return False


def _secret_to_learn(session: Session, source: Source, wanted: str | None) -> str:
    """The name under which the secret is kept; one set elsewhere would go before it."""
    if wanted and wanted not in source.secrets:
        listed = ", ".join(source.secrets)
        raise Trouble(f"{source.name} has no secret {wanted}; it has {listed}", code=MISUSE)
    names = (wanted,) if wanted else source.secrets
    free = [name for name in names if session.secrets.may_be_paired(name)]
    unset = [name for name in free if session.secrets.get(name) is None]
    if not free:
        listed = " or ".join(names)
        raise Trouble(f"{listed} is set in the environment or a file: remove it there first")
    return (unset or free)[0]
