"""What an operator sets: the names, defaults and descriptions of all settings.

Owns the model; docs/settings.md is made from it. Refuses an invalid value at start-up. Secrets of
sources are no settings: see `receiver.sources.secrets`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobs.timezone import DEFAULT_TIMEZONE
from receiver.config import validators
from receiver.config.data_dir import redis_url

PREFIX = "RECEIVER_"
ENV_FILE = Path(".env")
DEFAULT_MAPPINGS = Path("mappings")

#: The name of a zone of IANA's database.
TimezoneName = Annotated[str, AfterValidator(validators.timezone)]


class Settings(BaseSettings):
    """All settings, checked. The variable of each is its name in capitals behind RECEIVER_."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: Annotated[str, AfterValidator(validators.database_url)] = Field(
        default="",
        repr=False,
        validate_default=False,
        description="The database. Unset: SQLite, the file `receiver.db` in the data directory.",
        examples=["postgresql+asyncpg://user:password@host/receiver"],
    )
    redis_url: Annotated[str, AfterValidator(validators.redis_url)] = Field(
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
        description="Where the service keeps its own files: database, socket, generated secrets.",
        examples=["./var"],
    )
    secrets_dir: Path | None = Field(
        default=None,
        description="A folder with one file for each source secret, named as the secret. Changes "
        "are read without a restart.",
        examples=["/run/secrets"],
    )
    admin_token: str | None = Field(
        default=None,
        repr=False,
        description="The token for `/api`. Unset: the API is off.",
        examples=["a long random text"],
    )
    host: str = Field(
        default="127.0.0.1", description="The address to listen on.", examples=["::1"]
    )
    port: int = Field(
        default=8080, ge=0, le=65535, description="The port to listen on.", examples=[8080]
    )
    public_url: Annotated[str, AfterValidator(validators.public_url)] | None = Field(
        default=None,
        description="The URL that vendors call, without `/webhooks/…`. Required behind a proxy for "
        "vendors that sign the URL.",
        examples=["https://hooks.example.com"],
    )
    trusted_proxies: Annotated[str, AfterValidator(validators.proxies)] = Field(
        default="",
        description="Addresses or networks of proxies, separated by commas, whose "
        "`X-Forwarded-For` and `X-Forwarded-Proto` are trusted. Unset: none.",
        examples=["10.0.0.0/8,127.0.0.1"],
    )
    body_limit_bytes: int = Field(
        default=1_048_576,
        ge=1,
        le=64 * 1_048_576,
        description="The largest body that is accepted; a larger one is answered 413.",
        examples=[1_048_576],
    )
    body_timeout_seconds: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="How long a sender may take to send its body.",
        examples=[30],
    )
    header_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="How long a sender may take to send request line and headers, and how long a "
        "new connection may stay silent.",
        examples=[10],
    )
    body_buffer_bytes: int = Field(
        default=64 * 1_048_576,
        ge=1,
        description="The most bytes of bodies that a web process holds until they are committed. "
        "Beyond it, the request that has been sending longest is answered 503. Never less than one "
        "body.",
        examples=[64 * 1_048_576],
    )
    connection_limit: int = Field(
        default=2000,
        ge=1,
        le=1_000_000,
        description="The most connections that a web process keeps open. Beyond it idle ones are "
        "closed; where none is idle, a new one is answered 503.",
        examples=[2000],
    )
    retention_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Bodies and headers of settled deliveries are deleted this many days after "
        "receipt, those of failed deliveries never. 0 keeps all of them.",
        examples=[365],
    )
    max_outcome_age_days: int = Field(
        default=400,
        ge=1,
        le=36_500,
        description="An outcome that occurred longer than this before its delivery fails as "
        "`mapping`: a wrong unit of time would bill in 1970.",
        examples=[400],
    )
    timezone: TimezoneName | None = Field(
        default=None,
        description="The zone of days, months and prices with a `from` date. The first process "
        "writes it to the database (unset: UTC); later processes read it from there, and do not "
        "start where it is set to another.",
        examples=["Europe/Berlin"],
    )
    shutdown_seconds: int = Field(
        default=10,
        ge=1,
        le=300,
        description="A web process stops within this time; requests under way have all but the "
        "last 4 seconds of it.",
        examples=[10],
    )
    alert_url: Annotated[str, AfterValidator(validators.http_url)] | None = Field(
        default=None,
        repr=False,
        description="Where alerts are sent: of new failures, a rejected mapping, silence, "
        "faults found by audits. Unset: alerts are off.",
        examples=["https://hooks.slack.com/services/…"],
    )
    alert_format: Literal["auto", "slack", "json"] = Field(
        default="auto",
        description="The format of an alert: `auto` is `slack` for hooks.slack.com and `json` "
        "elsewhere.",
        examples=["json"],
    )
    alert_secret: Annotated[str, AfterValidator(validators.alert_secret)] | None = Field(
        default=None,
        repr=False,
        description="Signs alerts in JSON by Standard Webhooks: `whsec_` and base64.",
        examples=["whsec_… as `openssl rand -base64 24` makes it"],
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description="The format of log lines: `auto` is `console` on a terminal and `json` "
        "elsewhere.",
        examples=["json"],
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe level that is logged.", examples=["info"]
    )

    @property
    def database(self) -> str:
        """The database's URL, by default a SQLite file."""
        file = self.data_dir.absolute() / "receiver.db"
        return self.database_url or f"{validators.DATABASES[0]}/{file}"

    @property
    def redis(self) -> str:
        """The address of Redis, by default the embedded Valkey."""
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
    def local_url(self) -> str:
        """Where a process on this machine reaches the web process."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- listened on, not called
        host = everywhere.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def webhooks_url(self) -> str:
        """What vendors call, up to before `/webhooks/…`."""
        return self.public_url or self.local_url

    @property
    def trusted(self) -> list[str]:
        """The proxies as uvicorn's `forwarded_allow_ips` takes them."""
        return [part.strip() for part in self.trusted_proxies.split(",") if part.strip()]


def variable(name: str) -> str:
    """The variable of a field."""
    return PREFIX + name.upper()
