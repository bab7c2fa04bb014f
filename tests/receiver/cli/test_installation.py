"""Which service a command speaks to, where `receiver up` runs in another terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.filters import DeliveryFilter
from receiver.config.data_dir import mark_as_demo
from receiver.config.reading import load_settings
from receiver.config.settings import Settings
from receiver.local.lock import only_one
from receiver.local.running_service import announce
from receiver.local.service import demo_service
from receiver.sources.secrets import secrets_of
from tests.receiver.cli.conftest import Installation

PUBLIC = "https://words.trycloudflare.com"


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[None]:
    """As far as other terminals can see, `receiver up` runs with these settings."""
    with only_one(settings.data_dir):
        announce(settings, "http://127.0.0.1:4711")
        yield


@pytest.fixture
def unset(installed: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A second terminal, in which nothing is set; the data directory is ./var."""
    for name in ("RECEIVER_DATABASE_URL", "RECEIVER_DATA_DIR", "RECEIVER_MAPPINGS"):
        monkeypatch.delenv(name)
    return installed


@pytest.fixture
def started(installed: Installation) -> Settings:
    """What `up --public-url` was started with, in a terminal in which all is set."""
    return load_settings(public_url=PUBLIC)


@pytest.fixture
def demo(unset: Installation) -> Settings:
    """The demo's settings; its directory is marked."""
    settings = demo_service(load_settings(mappings=unset.mappings)).settings
    mark_as_demo(settings.data_dir)
    return settings


def test_what_up_was_started_with_is_known_in_a_second_terminal(
    started: Settings, unset: Installation
) -> None:
    assert not unset.run("sources").out.count(PUBLIC)
    with running(started):
        ran = unset.run("sources", "--json")
        assert unset.run("status").code == 0  # its database, which nothing here names
    assert ran.code == 0
    assert [item["url"] for item in ran.json] == [f"{PUBLIC}/webhooks/zendesk"]
    assert unset.run("status").code == 1


def test_a_copy_of_the_mappings_is_checked_beside_a_running_service(
    started: Settings, unset: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = unset.root / "other"
    unset.mappings.rename(other)
    monkeypatch.setenv("RECEIVER_MAPPINGS", str(other))
    with running(started):
        assert unset.run("check", "--offline").code == 0


@pytest.mark.parametrize("name", ["RECEIVER_DATABASE_URL", "RECEIVER_REDIS_URL"])
def test_an_environment_that_names_another_service_is_refused(
    started: Settings, unset: Installation, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    other = "sqlite+aiosqlite:////other.db" if "DATABASE" in name else "redis://other"
    monkeypatch.setenv(name, other)
    with running(started):
        ran = unset.run("status")
    assert (ran.code, ran.out) == (2, "")
    assert f"{name} in the environment is not that of `receiver up`" in ran.err
    assert "Unset it to use the running service, or set RECEIVER_DATA_DIR" in ran.err


def test_the_same_environment_in_both_terminals_is_no_mixture(
    started: Settings, installed: Installation
) -> None:
    with running(started):
        assert installed.run("status").code == 0


def test_commands_find_the_demo_and_name_it(demo: Settings, unset: Installation) -> None:
    with running(demo):
        ran = unset.run("sources", "--json")
        named = unset.run("check", "--offline")
    assert ran.json[0]["url"] == "http://127.0.0.1:8080/webhooks/zendesk"
    assert (
        ran.err == named.err.splitlines()[0] + "\n" == "this is the demo, which runs on var/demo\n"
    )


def test_the_demo_is_not_shown_where_another_ledger_may_be_meant(
    demo: Settings, unset: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(demo):
        monkeypatch.setenv("RECEIVER_DATABASE_URL", unset.url)
        ran = unset.run("status")
        assert (ran.code, ran.out) == (2, "")
        assert "RECEIVER_DATABASE_URL in the environment names another database" in ran.err
        monkeypatch.delenv("RECEIVER_DATABASE_URL")
        (unset.root / "var" / "receiver.db").touch()
        ran = unset.run("events")
        assert (ran.code, ran.out) == (2, "")
        assert "there is a database in var too. Stop the demo" in ran.err
        assert "or set RECEIVER_DATA_DIR=var/demo to use the demo" in ran.err
        monkeypatch.setenv("RECEIVER_DATA_DIR", "var/demo")
        assert unset.run("sources", "--json").code == 0


def test_the_demos_secrets_are_its_own_whatever_the_environment_has(
    demo: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZENDESK_SECRET", "that of the real Zendesk")
    made = (demo.data_dir / "secrets" / "ZENDESK_SECRET").read_text().strip()
    assert secrets_of(demo).get("ZENDESK_SECRET") == made


def test_a_terminal_with_the_demos_environment_does_not_speak_past_a_running_service(
    started: Settings, demo: Settings, unset: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_DATA_DIR", str(demo.data_dir))
    with running(started):
        ran = unset.run("status")
    assert (ran.code, ran.out) == (2, "")
    assert "is the demo's, and `receiver up` on" in ran.err
    assert "Open a new terminal" in ran.err


@pytest.mark.parametrize("name", ["RECEIVER_DATA_DIR", "RECEIVER_DATABASE_URL"])
def test_up_does_not_serve_the_demos_database(
    demo: Settings, unset: Installation, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = demo.data_dir
    url = f"sqlite+aiosqlite:///{folder}/receiver.db"
    monkeypatch.setenv(name, url if "URL" in name else str(folder))
    ran = unset.run("up")
    assert (ran.code, ran.out) == (2, "")
    assert f"{name} names the demo's directory" in ran.err
    assert f"Open a new terminal without the demo's variables, or `unset {name}`" in ran.err
    assert not (folder / "up.lock").exists()


def test_the_demo_in_its_own_environment_is_not_put_into_itself(demo: Settings) -> None:
    assert demo_service(demo).settings.data_dir == demo.data_dir


def test_without_a_database_the_way_to_the_demo_is_shown(
    unset: Installation, tmp_path: Path
) -> None:
    assert "demo" not in unset.run("status").err
    mark_as_demo(tmp_path / "var" / "demo")
    ran = unset.run("status")
    assert ran.code == 1
    assert "the demo's is there while `receiver up --demo` runs" in ran.err


def test_tail_follows_the_running_service_and_ends_by_ctrl_c_with_130(
    started: Settings, unset: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    async def follow(feed: object, wanted: object, show: object, **_: object) -> None:
        seen.append(wanted)
        raise KeyboardInterrupt

    monkeypatch.setattr("receiver.cli.tail.follow", follow)
    with running(started):
        ran = unset.run("tail", "--source", "zendesk", "--state", "failed")
        assert unset.run("tail", "--url", "ftp://x").code == 2
        assert unset.run("tail", "--state", "failde").code == 2
        misspelt = unset.run("tail", "--source", "zendsk")
    assert (ran.code, ran.out) == (130, "")
    assert seen == [DeliveryFilter(source="zendesk", state="failed")]
    assert (misspelt.code, "did you mean zendesk?" in misspelt.err) == (2, True)
