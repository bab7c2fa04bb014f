"""`up`: everything on this machine, until a signal ends it."""

from __future__ import annotations

import structlog

from mappings.engine.common.suggest import hint
from receiver.cli.common.errors import MISUSE, Trouble
from receiver.cli.common.installation import refuse_demos_place
from receiver.config.env_file import doubtful_values
from receiver.config.settings import ENV_FILE, load_settings, misspelt
from receiver.local.errors import UpError
from receiver.local.supervisor import up as run
from receiver.local.tunnel import Tunnel

log = structlog.get_logger(__name__)


def up(*, demo: bool, public_url: str | None = None, tunnel: str | None = None) -> None:
    """Run until a signal; Trouble where it cannot come up."""
    settings = load_settings() if public_url is None else load_settings(public_url=public_url)
    if tunnel is not None and public_url is not None:
        raise Trouble("--tunnel has a public URL of its own; leave --public-url out", code=MISUSE)
    if not demo:
        refuse_demos_place(settings)
    for warning in misspelt():
        log.warning("settings.unknown", detail=warning)
    for warning in doubtful_values(ENV_FILE):
        log.warning("settings.warning", detail=warning)
    try:
        run(settings, demo=demo, tunnel=_tunnel(tunnel))
    except UpError as error:
        raise Trouble(str(error)) from error


def _tunnel(name: str | None) -> Tunnel | None:
    known = [one.value for one in Tunnel]
    if name is not None and name not in known:
        raise Trouble(f"--tunnel is {name!r}; {hint(name, known)}", code=MISUSE)
    return None if name is None else Tunnel(name)
