from __future__ import annotations

import os
from pathlib import Path

import pytest

from receiver.config.reading import load_settings
from receiver.local.children import Children
from receiver.local.errors import ChildFailedError, UpError
from receiver.local.service import LocalService
from receiver.local.supervisor import refuse_unfit_tunnel, with_tunnel
from receiver.local.tunnel import Tunnel
from tests.receiver.cli.conftest import Installation, bare, database_url
from tests.support.tunnels import CLOUDFLARED, NGROK_JSON, NGROK_LOGFMT, URLS, install

__all__ = ["bare", "database_url"]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH in front of what this machine has."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.mark.parametrize(
    ("tunnel", "output"),
    [
        (Tunnel.CLOUDFLARED, CLOUDFLARED),
        (Tunnel.NGROK, NGROK_JSON),
        (Tunnel.NGROK, NGROK_LOGFMT),
    ],
)
def test_the_public_url_is_found_in_what_is_printed(tunnel: Tunnel, output: str) -> None:
    assert tunnel.url_in(output) == URLS[tunnel.value]
    assert tunnel.url_in("\n".join(output.splitlines()[:1])) is None


@pytest.mark.parametrize(
    ("tunnel", "output", "arguments"),
    [
        (Tunnel.CLOUDFLARED, CLOUDFLARED, "tunnel --no-autoupdate --url http://127.0.0.1:8080"),
        (Tunnel.NGROK, NGROK_JSON, "http http://127.0.0.1:8080 --log stdout --log-format json"),
    ],
)
async def test_its_url_is_the_public_one_of_all_that_is_started(
    tmp_path: Path, programs: Path, tunnel: Tunnel, output: str, arguments: str
) -> None:
    install(programs, tunnel.value, output)
    settings = load_settings(None, data_dir=tmp_path / "var")
    children = Children()
    try:
        service = await with_tunnel(LocalService(settings=settings, added={}), children, tunnel)
    finally:
        await children.stop()
        children.close()
    assert service.settings.public_url == URLS[tunnel.value]
    assert service.added["RECEIVER_PUBLIC_URL"] == URLS[tunnel.value]
    assert (programs / "arguments").read_text().strip() == arguments


async def test_one_that_does_not_come_up_says_its_last_words(
    tmp_path: Path, programs: Path
) -> None:
    install(programs, "ngrok", "ERROR: authentication failed: ERR_NGROK_4018", then="exit 1")
    settings = load_settings(None, data_dir=tmp_path / "var")
    children = Children()
    try:
        with pytest.raises(ChildFailedError, match=r"tunnel ended at once, by 1; .*NGROK_4018"):
            await with_tunnel(LocalService(settings=settings, added={}), children, Tunnel.NGROK)
    finally:
        await children.stop()
        children.close()


def test_what_cannot_be_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = load_settings(None, data_dir=tmp_path / "var")
    with pytest.raises(UpError, match="cloudflared is not installed"):
        refuse_unfit_tunnel(settings, Tunnel.CLOUDFLARED, demo=False)
    install(tmp_path, "cloudflared", CLOUDFLARED)
    refuse_unfit_tunnel(settings, Tunnel.CLOUDFLARED, demo=False)
    with pytest.raises(UpError, match="leave --tunnel out"):
        refuse_unfit_tunnel(settings, Tunnel.CLOUDFLARED, demo=True)
    no_port = load_settings(None, data_dir=tmp_path / "var", port=0)
    with pytest.raises(UpError, match="set RECEIVER_PORT"):
        refuse_unfit_tunnel(no_port, Tunnel.CLOUDFLARED, demo=False)


def test_the_option_is_refused_by_name_and_beside_another_url(
    bare: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = bare.run("up", "--tunnel", "ngrock")
    assert (ran.code, "did you mean ngrok?" in ran.err) == (2, True)
    ran = bare.run("up", "--tunnel", "ngrok", "--public-url", "https://x.example.com")
    assert (ran.code, "leave --public-url out" in ran.err) == (2, True)
    monkeypatch.setenv("PATH", str(bare.root))
    ran = bare.run("up", "--tunnel", "ngrok")
    assert (ran.code, "ngrok is not installed" in ran.err) == (1, True)
    assert not (bare.root / "var").exists()
