from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from receiver.settings import Settings, load_settings
from receiver.up.place import demo_place, local_url, real_place

MAPPINGS = Path(__file__).resolve().parents[3] / "mappings"
REAL = {
    "RECEIVER_DATABASE_URL": "postgresql+asyncpg://real@db/real",
    "RECEIVER_REDIS_URL": "redis://real:6379",
    "RECEIVER_ADMIN_TOKEN": "the real token",
    "RECEIVER_PUBLIC_URL": "https://hooks.example.com",
    "GITHUB_SECRET": "the real secret",
}


@pytest.fixture(params=["environment", "env-file"])
def real_settings(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of a real installation, from either place where an operator keeps them."""
    monkeypatch.chdir(tmp_path)
    if request.param == "environment":
        for name, value in REAL.items():
            monkeypatch.setenv(name, value)
    else:
        (tmp_path / ".env").write_text("".join(f"{k}={v}\n" for k, v in REAL.items()))
    return load_settings(mappings=MAPPINGS, data_dir=tmp_path / "var")


def test_the_demo_takes_nothing_from_the_real_installation(real_settings: Settings) -> None:
    place = demo_place(real_settings)
    home = real_settings.data_dir.absolute() / "demo"
    said = {name: place.environment[name] for name in REAL}
    assert not set(said.values()) & set(REAL.values())
    assert said["RECEIVER_DATABASE_URL"] == f"sqlite+aiosqlite:///{home}/receiver.db"
    assert said["RECEIVER_REDIS_URL"] == f"unix://{home}/valkey.sock"
    assert said["RECEIVER_PUBLIC_URL"] == "http://127.0.0.1:8080"
    assert place.embeds_valkey


def test_the_demo_says_what_it_ignores(real_settings: Settings) -> None:
    notes = "\n".join(demo_place(real_settings).notes)
    assert "ignored: RECEIVER_DATABASE_URL, RECEIVER_REDIS_URL" in notes
    assert "throw-away secrets for approvals, github, hubspot, zendesk" in notes


def test_a_real_place_makes_secrets_for_shipped_sources_that_have_none(
    real_settings: Settings,
) -> None:
    place = real_place(real_settings)
    assert place.settings is real_settings
    made = {path.name for path in real_settings.made_secrets_dir.iterdir()}
    assert made == {"APPROVALS_SECRET", "HUBSPOT_SECRET", "ZENDESK_SECRET"}
    assert "approvals, hubspot, zendesk" in place.notes[0]
    assert real_place(real_settings).notes == ()  # said when made


def test_a_real_place_makes_none_for_a_source_of_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(MAPPINGS, tmp_path / "mappings")
    text = (tmp_path / "mappings" / "github.yaml").read_text()
    own = text.replace("source: github", "source: gitea").replace("GITHUB_SECRET", "GITEA_SECRET")
    (tmp_path / "mappings" / "github.yaml").write_text(own)
    settings = load_settings(None)
    real_place(settings)
    assert not (settings.made_secrets_dir / "GITEA_SECRET").exists()


def test_a_real_place_is_what_the_settings_name(real_settings: Settings) -> None:
    place = real_place(real_settings)
    assert place.environment["RECEIVER_DATABASE_URL"] == REAL["RECEIVER_DATABASE_URL"]
    assert place.environment["RECEIVER_REDIS_URL"] == REAL["RECEIVER_REDIS_URL"]
    assert not place.embeds_valkey


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("fd00::7", "http://[fd00::7]:8080"),
    ],
)
def test_the_url_is_one_that_this_machine_reaches(host: str, url: str) -> None:
    assert local_url(load_settings(None, host=host)) == url


def test_the_environment_of_children_holds_what_ours_has(real_settings: Settings) -> None:
    assert demo_place(real_settings).environment["PATH"] == os.environ["PATH"]
