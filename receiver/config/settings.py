"""What an operator sets, from the environment and `.env`.

Owns names, defaults, checks and the words about each; docs/settings.md is made from here. Refuses
a value it cannot use at start-up, naming the variable and what to write instead. Secrets of
sources are no settings: see `receiver.sources.secrets`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis.asyncio.connection import parse_url
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from jobs.timezone import DEFAULT_TIMEZONE
from mappings.engine.common.suggest import nearest
from receiver.config.env_file import read_env_file
from receiver.local.address import redis_url

PREFIX = "RECEIVER_"
ENV_FILE = Path(".env")
DEFAULT_MAPPINGS = Path("mappings")
#: Set by `receiver up` for its own children, not by an operator.
INTERNAL_PREFIX = "RECEIVER_UP_"

DATABASES = ("sqlite+aiosqlite://", "postgresql+asyncpg://")
#: How hosts of databases write the second one.
POSTGRES = ("postgres://", "postgresql://")
#: Parameters of libpq by their names in asyncpg; None: asyncpg has no use for it.
_LIBPQ: Mapping[str, str | None] = {
    "sslmode": "ssl",
    "connect_timeout": "timeout",
    "channel_binding": None,
    "gssencmode": None,
    "pgbouncer": None,
}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
#: Variables of earlier versions and the name of each now. The old ones are never read.
RENAMED: Mapping[str, str] = {
    "RECEIVER_NOTIFY_URL": "RECEIVER_ALERT_URL",
    "RECEIVER_NOTIFY_FORMAT": "RECEIVER_ALERT_FORMAT",
    "RECEIVER_NOTIFY_SECRET": "RECEIVER_ALERT_SECRET",
    "RECEIVER_OLDEST_OUTCOME_DAYS": "RECEIVER_MAX_OUTCOME_AGE_DAYS",
    "RECEIVER_HEAD_TIMEOUT_SECONDS": "RECEIVER_HEADER_TIMEOUT_SECONDS",
    "RECEIVER_BODIES_IN_MEMORY_BYTES": "RECEIVER_BODY_BUFFER_BYTES",
}


class SettingsInvalid(Exception):
    """Settings that cannot be used; each line names a variable and what to write instead."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


def _one_of_starts(starts: tuple[str, ...], value: str) -> str:
    if not value.startswith(starts):
        raise ValueError(f"it starts with none of {', '.join(starts)}")
    return value


def _database_url(value: str) -> str:
    """The URL for asyncpg, also where it is written as hosts of databases give it."""
    for start in POSTGRES:
        if value.startswith(start):
            value = DATABASES[1] + value.removeprefix(start)
    _one_of_starts((*DATABASES, *POSTGRES), value)
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(
            "it cannot be read; percent-encode what is special in a password"
        ) from None
    if not url.query.keys() & _LIBPQ.keys():
        return value
    return url.set(query=_asyncpg_query(url.query)).render_as_string(hide_password=False)


def _asyncpg_query(query: Mapping[str, str | tuple[str, ...]]) -> dict[str, str | tuple[str, ...]]:
    if "sslmode" in query and "ssl" in query:
        raise ValueError("`sslmode` and `ssl` say the same; leave one of them out")
    if "sslmode" in query and query["sslmode"] not in _SSL_MODES:
        raise ValueError(f"`sslmode` is one of {', '.join(_SSL_MODES)}")
    named = {_LIBPQ.get(name, name): text for name, text in query.items()}
    return {name: text for name, text in named.items() if name is not None}


def _redis_url(value: str) -> str:
    _one_of_starts(REDIS_SCHEMES, value)
    try:
        parse_url(value)
    except ValueError:
        raise ValueError(
            "it cannot be read; percent-encode what is special in a password"
        ) from None
    return value


def _public_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is no http or https URL with a host")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("it may hold scheme, host, port and path only")
    return value.rstrip("/")


def _alert_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is no http or https URL with a host")
    return value


def _alert_secret(value: str) -> str:
    try:
        key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError("it is no secret of Standard Webhooks: whsec_ and base64")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("no such time zone is known") from None
    return value


#: The name of a zone of IANA's database.
TimezoneName = Annotated[str, AfterValidator(_timezone)]


def _proxies(value: str) -> str:
    for entry in filter(None, (part.strip() for part in value.split(","))):
        if entry != "*":
            ip_network(entry, strict=False)
    return value


class Settings(BaseSettings):
    """All settings, checked. The variable of each is its name in capitals behind RECEIVER_."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: Annotated[str, AfterValidator(_database_url)] = Field(
        default="",
        repr=False,
        validate_default=False,
        description="The database. Unset: SQLite, the file `receiver.db` in the data directory.",
        examples=["postgresql+asyncpg://user:password@host/receiver"],
    )
    redis_url: Annotated[str, AfterValidator(_redis_url)] = Field(
        default="",
        repr=False,
        validate_default=False,
        description="Redis or Valkey. Unset: the embedded Valkey's socket in the data directory.",
        examples=["redis://localhost:6379/0"],
    )
    mappings: Path = Field(
        default=DEFAULT_MAPPINGS,
        description="The folder with mapping files, `agents.yaml` and `tables/`.",
        examples=["./mappings"],
    )
    data_dir: Path = Field(
        default=Path("var"),
        description="Where the service keeps what it makes: database, socket, generated secrets.",
        examples=["./var"],
    )
    secrets_dir: Path | None = Field(
        default=None,
        description="A folder with one file a source secret, named as the variable; read again "
        "when it changes, so that a new source needs no restart.",
        examples=["/run/secrets"],
    )
    admin_token: str | None = Field(
        default=None,
        repr=False,
        description="The token for `/api`. Unset: there is no API.",
        examples=["a long random text"],
    )
    host: str = Field(
        default="127.0.0.1", description="The address to listen on.", examples=["::1"]
    )
    port: int = Field(
        default=8080, ge=0, le=65535, description="The port to listen on.", examples=[8080]
    )
    public_url: Annotated[str, AfterValidator(_public_url)] | None = Field(
        default=None,
        description="What vendors call, up to before `/webhooks/…`. Needed behind a proxy for "
        "vendors that sign the URL.",
        examples=["https://hooks.example.com"],
    )
    trusted_proxies: Annotated[str, AfterValidator(_proxies)] = Field(
        default="",
        description="Addresses or networks of proxies, separated by commas, whose "
        "`X-Forwarded-For` and `X-Forwarded-Proto` are believed. Unset: nobody's.",
        examples=["10.0.0.0/8,127.0.0.1"],
    )
    body_limit_bytes: int = Field(
        default=1_048_576,
        ge=1,
        le=64 * 1_048_576,
        description="The largest body that is taken; a larger one is answered 413.",
        examples=[1_048_576],
    )
    body_timeout_seconds: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="How long a sender may take over its body.",
        examples=[30],
    )
    header_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="How long a sender may take over request line and headers, and how long a new "
        "connection may say nothing.",
        examples=[10],
    )
    body_buffer_bytes: int = Field(
        default=64 * 1_048_576,
        ge=1,
        description="So many bytes of bodies are held until they are committed, over all requests "
        "of a web process; beyond it, whoever has been sending longest is answered 503. Never less "
        "than one body.",
        examples=[64 * 1_048_576],
    )
    connection_limit: int = Field(
        default=2000,
        ge=1,
        le=1_000_000,
        description="So many connections a web process keeps open; beyond it idle ones are closed, "
        "and where none is idle a new one is answered 503.",
        examples=[2000],
    )
    retention_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Bodies and headers of settled deliveries are removed so many days after they "
        "came, those of failed ones never; 0 keeps all of them for good.",
        examples=[365],
    )
    max_outcome_age_days: int = Field(
        default=400,
        ge=1,
        le=36_500,
        description="An outcome that occurred longer than this before its delivery fails as "
        "`mapping`: a wrong unit of time bills in 1970.",
        examples=[400],
    )
    timezone: TimezoneName | None = Field(
        default=None,
        description="The zone that days, months and prices with a `from` date are in. The first "
        "process writes it into the database (unset: UTC); a later one takes it from there, and "
        "does not start where it is set to another.",
        examples=["Europe/Berlin"],
    )
    shutdown_seconds: int = Field(
        default=10,
        ge=1,
        le=300,
        description="A stopping web process is gone after this long; requests under way have all "
        "but the last 4 seconds of it.",
        examples=[10],
    )
    alert_url: Annotated[str, AfterValidator(_alert_url)] | None = Field(
        default=None,
        repr=False,
        description="Where notices are posted: of new failures, a rejected mapping, silence, "
        "books that do not agree. Unset: nobody is told.",
        examples=["https://hooks.slack.com/services/…"],
    )
    alert_format: Literal["auto", "slack", "json"] = Field(
        default="auto",
        description="The shape of a notice: `auto` is `slack` for hooks.slack.com and `json` "
        "elsewhere.",
        examples=["json"],
    )
    alert_secret: Annotated[str, AfterValidator(_alert_secret)] | None = Field(
        default=None,
        repr=False,
        description="Signs notices in JSON by Standard Webhooks: `whsec_` and base64.",
        examples=["whsec_… as `openssl rand -base64 24` makes it"],
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description="How log lines look: `auto` is `console` on a terminal and `json` elsewhere.",
        examples=["json"],
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe log lines that are shown.", examples=["info"]
    )

    @property
    def database(self) -> str:
        """The database's URL, also where none is set."""
        return self.database_url or f"{DATABASES[0]}/{self.data_dir.absolute()}/receiver.db"

    @property
    def redis(self) -> str:
        """The address of Redis, also where none is set."""
        return self.redis_url or redis_url(self.data_dir)

    @property
    def body_budget_bytes(self) -> int:
        """Bytes of bodies that are held at once: one of the largest always fits."""
        return max(self.body_buffer_bytes, self.body_limit_bytes)

    @property
    def made_secrets_dir(self) -> Path:
        """Where `receiver up` keeps throw-away secrets of sources that have none."""
        return self.data_dir / "secrets"

    @property
    def paired_secrets_dir(self) -> Path:
        """Where earlier versions kept secrets that a vendor sent; they are still read."""
        return self.data_dir / "paired"

    @property
    def timezone_name(self) -> str:
        """The zone as set; the one of a new database where none is."""
        return self.timezone or DEFAULT_TIMEZONE

    @property
    def trusted(self) -> list[str]:
        """The proxies as uvicorn's `forwarded_allow_ips` takes them."""
        return [part.strip() for part in self.trusted_proxies.split(",") if part.strip()]


def load_settings(env_file: Path | None = ENV_FILE, **given: Any) -> Settings:
    """Read environment and `.env`; raise SettingsInvalid naming everything wrong at once.

    `given` (field names) goes before both, as options of the command line do.
    """
    try:
        return Settings(_env_file=None, **(_from_file(env_file) | given))
    except ValidationError as error:
        raise SettingsInvalid(_line(dict(one)) for one in error.errors()) from None


def _from_file(env_file: Path | None) -> dict[str, str]:
    """The fields that the file sets and the environment does not."""
    try:
        found = read_env_file(env_file)
    except (OSError, ValueError):
        line = f"{env_file} cannot be read: it must be UTF-8 text that this user may read"
        raise SettingsInvalid([line]) from None
    in_environment = {name.upper() for name, value in os.environ.items() if value}
    in_file = {name.upper(): value for name, value in found.items() if value}
    names = {name: variable(name) for name in Settings.model_fields}
    return {
        name: in_file[known]
        for name, known in names.items()
        if known in in_file and known not in in_environment
    }


def variable(name: str) -> str:
    """The variable of a field."""
    return PREFIX + name.upper()


def misspelt(
    environ: Mapping[str, str] | None = None, env_file: Path | None = ENV_FILE
) -> list[str]:
    """A warning for each RECEIVER_ variable that nothing reads, with the nearest that is read."""
    known = [variable(name) for name in Settings.model_fields]
    in_environment = os.environ if environ is None else environ
    names = {name.upper() for name in (*in_environment, *read_env_file(env_file))}
    return [
        _unread(name, known)
        for name in sorted(names)
        if name.startswith(PREFIX) and not name.startswith(INTERNAL_PREFIX) and name not in known
    ]


def as_table() -> str:
    """Every setting as a Markdown table, for docs/settings.md."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        rows.append(f"| `{variable(name)}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def _unread(name: str, known: list[str]) -> str:
    if name in RENAMED:
        return f"{name} is called {RENAMED[name]} now and is not read under its old name"
    near = nearest(name, known)
    return f"{name} is no setting" + (f"; did you mean {near}?" if near else " and is not read.")


def _line(error: dict[str, Any]) -> str:
    """One fault in words. The value is left out where it may hold a password."""
    name = str(error["loc"][0])
    field = Settings.model_fields[name]
    value = f" is {str(error['input'])[:80]!r}:" if field.repr else ":"
    message = str(error["msg"]).removeprefix("Value error, ")
    example = f"{variable(name)}={(field.examples or [''])[0]}"
    return f"{variable(name)}{value} {message}. Write for example {example}"
