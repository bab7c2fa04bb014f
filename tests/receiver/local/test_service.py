from __future__ import annotations

import os
from pathlib import Path

import pytest

from mappings.engine.loading.load import load, read_directory
from receiver.config.reading import load_settings
from receiver.config.settings import Settings
from receiver.local.service import configured_service, demo_service
from receiver.signatures import RULES
from receiver.sources.listing import source_items
from receiver.sources.secrets import secrets_of

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
    """Settings of a real installation, from either service where an operator keeps them."""
    monkeypatch.chdir(tmp_path)
    if request.param == "environment":
        for name, value in REAL.items():
            monkeypatch.setenv(name, value)
    else:
        (tmp_path / ".env").write_text("".join(f"{k}={v}\n" for k, v in REAL.items()))
    return load_settings(mappings=MAPPINGS, data_dir=tmp_path / "var")


def test_the_demo_takes_nothing_from_the_real_installation(real_settings: Settings) -> None:
    service = demo_service(real_settings)
    home = real_settings.data_dir.absolute() / "demo"
    said = {name: service.environment[name] for name in REAL}
    assert not set(said.values()) & set(REAL.values())
    assert said["RECEIVER_DATABASE_URL"] == f"sqlite+aiosqlite:///{home}/receiver.db"
    assert said["RECEIVER_REDIS_URL"] == f"unix://{home}/valkey.sock"
    assert said["RECEIVER_PUBLIC_URL"] == "http://127.0.0.1:8080"
    assert service.embeds_valkey


def test_the_demo_says_what_it_ignores(real_settings: Settings) -> None:
    notes = "\n".join(demo_service(real_settings).notes)
    assert "ignored: RECEIVER_DATABASE_URL, RECEIVER_REDIS_URL" in notes
    assert "throw-away secrets for approvals, github, hubspot, zendesk" in notes


def test_a_real_place_makes_secrets_for_sources_that_have_none(
    real_settings: Settings,
) -> None:
    service = configured_service(real_settings)
    assert service.settings is real_settings
    made = {path.name for path in real_settings.made_secrets_dir.iterdir()}
    assert made == {"APPROVALS_SECRET", "HUBSPOT_SECRET", "ZENDESK_SECRET"}
    assert "approvals, hubspot, zendesk" in service.notes[0]
    assert (
        configured_service(real_settings).notes == service.notes
    )  # at every start, while they are in use


HEX = """\
source: desk
verify:
  scheme: close
  secrets: [{name: DESK_OLD, not_after: 2026-01-01}, DESK_SECRET]
outcomes:
  - name: solved
    when: "true"
    agent: ${{ event.agent }}
    customer: ${{ event.customer }}
    indicator: ${{ event.indicator }}
    once_per: ${{ id(event.id) }}
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A folder of a user's own, whose source takes a secret in hex; the older one has ended."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "desk.yaml").write_text(HEX)
    (tmp_path / ".env").write_text("DESK_OLD=\nDESK_SECRET=\n")
    return load_settings(None)


def test_a_source_of_ones_own_gets_a_secret_in_the_form_of_its_scheme(desk: Settings) -> None:
    service = configured_service(desk)
    assert "throw-away secrets for desk" in service.notes[0]
    (made,) = desk.made_secrets_dir.iterdir()
    assert made.name == "DESK_SECRET"
    assert len(bytes.fromhex(made.read_text())) == 32
    secrets = secrets_of(desk)
    mappings = load(read_directory(desk.mappings), timezone="UTC", schemes=RULES)
    (item,) = source_items(desk, mappings, secrets, {})
    assert "DESK_SECRET is a throw-away secret" in item.warnings[0]
    (Path.cwd() / ".env").write_text("DESK_SECRET=0123\n")
    assert configured_service(desk).notes == ()


@pytest.mark.parametrize("env", ["DESK_OLD=ended\n", b"\xff"], ids=["ended", "unreadable"])
def test_no_secret_is_made_where_a_person_has_set_one(desk: Settings, env: str | bytes) -> None:
    (Path.cwd() / ".env").write_bytes(env if isinstance(env, bytes) else env.encode())
    assert configured_service(desk).notes == ()
    assert not desk.made_secrets_dir.exists()


def test_a_real_place_is_what_the_settings_name(real_settings: Settings) -> None:
    service = configured_service(real_settings)
    assert service.environment["RECEIVER_DATABASE_URL"] == REAL["RECEIVER_DATABASE_URL"]
    assert service.environment["RECEIVER_REDIS_URL"] == REAL["RECEIVER_REDIS_URL"]
    assert not service.embeds_valkey


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
    assert load_settings(None, host=host).local_url == url


def test_the_environment_of_children_holds_what_ours_has(real_settings: Settings) -> None:
    assert demo_service(real_settings).environment["PATH"] == os.environ["PATH"]
