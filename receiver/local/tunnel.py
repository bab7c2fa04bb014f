"""A tunnel of the user's own from the internet to this machine: `cloudflared` or `ngrok`.

Owns how one is started and where in its output its public URL stands. Refuses to install one.

What they print, as read in 2026-11:
- cloudflared, on stderr: a box of log lines, `Your quick Tunnel has been created! Visit it at …`
  and in the next one the URL (github.com/cloudflare/cloudflared, its
  cmd/cloudflared/tunnel/quick_tunnel.go);
- ngrok with `--log stdout`: `t=… lvl=info msg="started tunnel" obj=tunnels … url=https://…`, with
  `--log-format json` an object with the same names (ngrok.com/docs/agent/cli).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from receiver.local.children import Child
from receiver.local.errors import UpError

#: Of a tunnel's last words so many characters are shown.
SHOWN_CHARACTERS = 300
READY_SECONDS = 40.0
_CLOUDFLARED_URL = re.compile(r"quick Tunnel has been created!.*?(https://[\w.-]+)", re.DOTALL)
_LOGFMT_URL = re.compile(r'msg="started tunnel".*?\burl=(https://\S+)')


class Tunnel(Enum):
    """The programs that can be used."""

    CLOUDFLARED = "cloudflared"
    NGROK = "ngrok"

    def program(self) -> Path:
        """Where it is installed; raises UpError."""
        found = shutil.which(self.value)
        if found is None:
            raise UpError(
                f"{self.value} is not installed: no program of that name is on PATH. Install it, or"
                " open another tunnel and name its URL with --public-url"
            )
        return Path(found).absolute()

    def command(self, target: str) -> tuple[str, ...]:
        """The command line of a tunnel that leads to `target`."""
        program = str(self.program())
        if self is Tunnel.CLOUDFLARED:
            return (program, "tunnel", "--no-autoupdate", "--url", target)
        return (program, "http", target, "--log", "stdout", "--log-format", "json")

    def url_in(self, output: str) -> str | None:
        """The public URL, once the program has printed it."""
        if self is Tunnel.CLOUDFLARED:
            found = _CLOUDFLARED_URL.search(output)
            return found[1] if found else None
        return next(_ngrok_urls(output), None)


def tunnel_child(tunnel: Tunnel, target: str, log: Path) -> Child:
    """The tunnel as a child. It is not started again by itself: its URL would be another one."""

    async def has_url() -> bool:
        return tunnel.url_in(_read(log)) is not None

    ours = ("RECEIVER_",)  # a database's password is no matter of a tunnel
    return Child(
        name="tunnel",
        command=tunnel.command(target),
        environment={k: v for k, v in os.environ.items() if not k.startswith(ours)},
        ready=has_url,
        foreign=True,
        log=log,
        ready_seconds=READY_SECONDS,
        restarts=False,
    )


def last_words(log: Path) -> str:
    """The last line that it printed, for a person to read."""
    lines = _read(log).strip().splitlines() or ["it printed nothing"]
    return lines[-1][-SHOWN_CHARACTERS:]


def _read(log: Path) -> str:
    return log.read_text("utf-8", "replace")


def _ngrok_urls(output: str) -> Iterator[str]:
    for line in output.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            match = _LOGFMT_URL.search(line)
            if match:
                yield match[1]
            continue
        if isinstance(found, dict) and found.get("msg") == "started tunnel":
            url = str(found.get("url", ""))
            if url.startswith("https://"):
                yield url
