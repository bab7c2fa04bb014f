"""Programs that print what `cloudflared` and `ngrok` print, and lead nowhere."""

from __future__ import annotations

from pathlib import Path

URLS = {
    "cloudflared": "https://words-of-yours.trycloudflare.com",
    "ngrok": "https://1a2b-3c4d.ngrok-free.app",
}
CLOUDFLARED = f"""\
2026-11-28T07:00:00Z INF Thank you for trying Cloudflare Tunnel. … \
(https://www.cloudflare.com/website-terms/), and … by following: \
https://developers.cloudflare.com/cloudflare-one/connections/connect-apps
2026-11-28T07:00:00Z INF Requesting new quick Tunnel on trycloudflare.com...
2026-11-28T07:00:01Z INF +----------------------------------------------------------+
2026-11-28T07:00:01Z INF |  Your quick Tunnel has been created! Visit it at \
(it may take some time to be reachable):  |
2026-11-28T07:00:01Z INF |  {URLS["cloudflared"]}                 |
2026-11-28T07:00:01Z INF +----------------------------------------------------------+"""
NGROK_LOGFMT = f"""\
t=2026-11-28T07:00:00+0000 lvl=info msg="starting web service" obj=web addr=127.0.0.1:4040
t=2026-11-28T07:00:01+0000 lvl=info msg="started tunnel" obj=tunnels name=command_line \
addr=http://127.0.0.1:8080 url={URLS["ngrok"]}"""
NGROK_JSON = f"""\
{{"addr":"127.0.0.1:4040","lvl":"info","msg":"starting web service","obj":"web"}}
{{"addr":"http://127.0.0.1:8080","lvl":"info","msg":"started tunnel","url":"{URLS["ngrok"]}"}}"""


def install(folder: Path, name: str, output: str, *, then: str = "exec sleep 600") -> Path:
    """A program of that name in the folder, which goes on PATH."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    text = output.replace("'", "'\\''")
    program.write_text(f"#!/bin/sh\necho \"$@\" > {folder}/arguments\necho '{text}' >&2\n{then}\n")
    program.chmod(0o755)
    return program
