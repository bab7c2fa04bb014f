"""Settings: what is read, what is refused with which words, and that each is documented."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from jobs.storage.database import open_database
from receiver.config.reading import RENAMED, SettingsInvalid, load_settings, misspelt
from receiver.config.settings import Settings, variable
from tests.support.settings_page import as_table

DOCS = Path(__file__).parents[3] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def no_variables_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)


def test_everything_has_a_default_that_works_on_one_machine() -> None:
    settings = load_settings(None)
    assert settings.database == f"sqlite+aiosqlite:///{Path('var').absolute()}/receiver.db"
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.body_limit_bytes == 1_048_576
    assert settings.mappings == Path("mappings")
    assert settings.admin_token is None
    assert settings.trusted == []
    assert settings.retention_days == 0
    assert settings.timezone_name == "UTC"


def test_the_environment_goes_before_the_file_and_a_given_value_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("RECEIVER_PORT=1\nRECEIVER_HOST=::1\nZENDESK_SECRET=s\n")
    monkeypatch.setenv("RECEIVER_PORT", "2")
    settings = load_settings(env_file)
    assert (settings.host, settings.port) == ("::1", 2)
    assert load_settings(env_file, port=3).port == 3


@pytest.mark.parametrize(
    ("given", "query"),
    [
        ("postgres://u:p%40w@h:5433/d", ""),
        ("postgresql://u:p%40w@h:5433/d", ""),
        ("postgres://u:p%40w@h:5433/d?sslmode=require", "?ssl=require"),
        ("postgresql+asyncpg://u:p%40w@h:5433/d?sslmode=verify-full", "?ssl=verify-full"),
        ("postgresql://u:p%40w@h:5433/d?sslmode=require&channel_binding=require", "?ssl=require"),
        ("postgresql://u:p%40w@h:5433/d?connect_timeout=10&pgbouncer=true", "?timeout=10"),
    ],
)
def test_a_database_url_is_taken_as_its_host_gives_it(
    monkeypatch: pytest.MonkeyPatch, given: str, query: str
) -> None:
    monkeypatch.setenv("RECEIVER_DATABASE_URL", given)
    url = f"postgresql+asyncpg://u:p%40w@h:5433/d{query}"
    assert load_settings(None).database == url
    (_, options) = create_async_engine(url).dialect.create_connect_args(make_url(url))
    assert (options["password"], options["port"]) == ("p@w", 5433)
    assert options.keys() <= {"host", "port", "user", "password", "database", "ssl", "timeout"}


async def test_a_url_with_sslmode_opens_a_database(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = postgres_url.replace("postgresql+asyncpg://", "postgres://", 1)
    parameters = "sslmode=prefer&connect_timeout=10"
    monkeypatch.setenv(
        "RECEIVER_DATABASE_URL", f"{given}{'&' if '?' in given else '?'}{parameters}"
    )
    database = open_database(load_settings(None).database)
    try:
        async with database.read() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
    finally:
        await database.close()


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECEIVER_ADMIN_TOKEN", "")
    monkeypatch.setenv("RECEIVER_PORT", "")
    assert load_settings(None).admin_token is None
    assert load_settings(None).port == 8080


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("PORT", "eighty", "RECEIVER_PORT=8080"),
        ("PORT", "70000", "less than or equal to 65535"),
        ("DATABASE_URL", "mysql://u@h/d", "sqlite+aiosqlite://"),
        ("DATABASE_URL", "postgres://u:hunter2@h/d?sslmode=on", "must be one of disable, allow"),
        ("DATABASE_URL", "postgres://u:hunter2@h/d?sslmode=require&ssl=require", "leave one"),
        ("DATABASE_URL", "postgresql+asyncpg://u:hunter2/@h:x/d", "percent-encode"),
        ("REDIS_URL", "localhost:6379", "redis://, rediss://, unix://"),
        ("REDIS_URL", "redis://:hunter2@localhost:x/0", "percent-encode"),
        ("PUBLIC_URL", "hooks.example.com", "must be an http or https URL"),
        ("PUBLIC_URL", "https://hooks.example.com/?a=b", "scheme, host, port and path only"),
        ("PUBLIC_URL", "https://user:hunter2@hooks.example.com", "scheme, host, port"),
        ("TIMEZONE", "Mars/Olympus", "must be a time zone such as"),
        ("TIMEZONE", "../../etc/passwd", "must be a time zone such as"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy", "does not appear to be an IPv4 or IPv6 network"),
        ("BODY_LIMIT_BYTES", "0", "greater than or equal to 1"),
        ("RETENTION_DAYS", "-1", "greater than or equal to 0"),
        ("RETENTION_DAYS", "36501", "less than or equal to 36500"),
        ("MAX_OUTCOME_AGE_DAYS", "0", "greater than or equal to 1"),
        ("LOG_FORMAT", "xml", "'auto', 'console' or 'json'"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable_and_what_to_write(
    name: str, value: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"RECEIVER_{name}", value)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(None)
    [line] = caught.value.lines
    assert line.startswith(f"RECEIVER_{name}")
    assert error in line
    assert f"Write for example RECEIVER_{name}=" in line
    assert "hunter2" not in line or name == "PUBLIC_URL"


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECEIVER_PORT", "x")
    monkeypatch.setenv("RECEIVER_TIMEZONE", "x")
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(None)
    assert len(caught.value.lines) == 2


def test_a_misspelt_variable_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("RECEIVER_RETENTION_DAY=3\n")
    environ = {
        "RECEIVER_MAPINGS": "x",
        "RECEIVER_UP_READY_FD": "3",
        "RECEIVER_PORT": "1",
        "RECEIVER_XYZZY": "1",
        "PATH": "/bin",
    }
    assert misspelt(environ, env_file) == [
        "RECEIVER_MAPINGS is no setting; did you mean RECEIVER_MAPPINGS?",
        "RECEIVER_RETENTION_DAY is no setting; did you mean RECEIVER_RETENTION_DAYS?",
        "RECEIVER_XYZZY is no setting and is not read.",
    ]


@pytest.mark.parametrize(("old", "new"), sorted(RENAMED.items()))
def test_a_variable_of_an_earlier_version_is_named_with_its_new_name(old: str, new: str) -> None:
    assert misspelt({old: "1"}, None) == [
        f"{old} is called {new} now and is not read under its old name"
    ]
    assert new in {variable(name) for name in Settings.model_fields}
    assert old not in {variable(name) for name in Settings.model_fields}


def test_passwords_are_not_in_the_repr() -> None:
    settings = load_settings(
        None,
        admin_token="hunter2",
        database_url="postgresql+asyncpg://u:hunter2@h/d",
        redis_url="redis://:hunter2@h",
    )
    assert "hunter2" not in repr(settings)


def test_a_public_url_may_have_a_path_and_loses_its_last_slash() -> None:
    settings = load_settings(None, public_url="https://x.example:8443/hooks/")
    assert settings.public_url == "https://x.example:8443/hooks"


def test_proxies_are_a_list_of_addresses_and_networks() -> None:
    settings = load_settings(None, trusted_proxies="10.0.0.0/8, ::1")
    assert settings.trusted == ["10.0.0.0/8", "::1"]


def test_the_documentation_has_every_setting_as_it_is() -> None:
    table = as_table()
    assert all(f"`{variable(name)}`" in table for name in Settings.model_fields)
    assert table in DOCS.read_text("utf-8"), f"docs/settings.md should hold this table:\n{table}"
