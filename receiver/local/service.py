"""What `receiver up` runs: its settings, and the environment of its child processes.

Owns the difference between the real service and the demo's. The demo has its own database, Valkey,
secrets and token under `DATA_DIR/demo`, whatever the environment names, so that invented revenue
never meets a real ledger.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import mappings
from jobs.timezone import DEFAULT_TIMEZONE
from mappings.engine.loading.load import MappingSet, Source, load, read_directory
from receiver.config.data_dir import DEMO, is_demo
from receiver.config.settings import Settings, variable
from receiver.local import throwaway
from receiver.signatures import RULES, Scheme, SchemeInvalid, scheme_of
from receiver.sources.secret_problems import missing_secrets, throwaway_secrets, usable_secrets
from receiver.sources.secrets import Secrets, secrets_of

#: Shipped examples keep their old times however old this release is.
DEMO_OLDEST_DAYS = 36_500
ADMIN_TOKEN = variable("admin_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalService:
    """Settings of all children, what their environment adds, and what to say about it.

    `log_dir` takes the children's output; None: it goes where ours goes.
    """

    settings: Settings
    added: Mapping[str, str] = field(repr=False)
    notes: tuple[str, ...] = ()
    log_dir: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of a child."""
        return {**os.environ, **self.added}

    @property
    def embeds_valkey(self) -> bool:
        return not self.settings.redis_url

    @property
    def url(self) -> str:
        """Where this machine reaches the web process."""
        return self.settings.local_url


def configured_service(settings: Settings) -> LocalService:
    """The service that the settings name; sources without a secret get a throw-away one."""
    found, known = _mappings(settings), secrets_of(settings)
    wanted = _secrets_to_make(found, known)
    if wanted:
        throwaway.make_missing(wanted, settings.made_secrets_dir)
        known.reload()
    tried = sorted({source for source, _ in throwaway_secrets(found, known)})
    return LocalService(
        settings=settings, added=as_environment(settings), notes=_note_on_secrets(tried, settings)
    )


def demo_service(settings: Settings) -> LocalService:
    """The demo's own service, under the data directory that the settings name."""
    asked = settings.data_dir.absolute()
    home = settings.model_copy(update={"data_dir": asked if is_demo(asked) else asked / DEMO})
    folder = home.made_secrets_dir
    changed = home.model_copy(
        update={
            "admin_token": throwaway.make_missing({ADMIN_TOKEN: None}, folder)[ADMIN_TOKEN],
            "database_url": "",
            "mappings": _folder_of_mappings(settings),
            "max_outcome_age_days": DEMO_OLDEST_DAYS,
            "public_url": settings.local_url,
            "redis_url": "",
            "secrets_dir": folder,
            "timezone": DEFAULT_TIMEZONE,
        }
    )
    found = _mappings(changed)
    schemes = {name: _scheme(one) for one in found.sources.values() for name in one.secrets}
    return LocalService(
        settings=changed,
        added={**as_environment(changed), **throwaway.make_missing(schemes, folder)},
        notes=(_note_on_demo(settings, home), *_note_on_secrets(sorted(found.sources), home)),
        log_dir=home.data_dir / "log",
    )


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as variables, so that a child reads the same despite `.env`."""
    values = settings.model_dump(exclude_none=True)
    values |= {
        "data_dir": settings.data_dir.absolute(),
        "database_url": settings.database,
        "mappings": settings.mappings.absolute(),
        "redis_url": settings.redis,
    }
    return {variable(name): str(value) for name, value in values.items() if value != ""}


def _mappings(settings: Settings) -> MappingSet:
    files = read_directory(settings.mappings)
    return load(files, timezone=settings.timezone_name, schemes=RULES)


def _secrets_to_make(found: MappingSet, known: Secrets) -> dict[str, Scheme | None]:
    """For each source of which no secret is set, the first that has not ended.

    None while a file of secrets cannot be read: what it holds is not missing.
    """
    if known.unreadable:
        return {}
    sources = [found.sources[name] for name in missing_secrets(found, known)]
    usable = [(usable_secrets(one, datetime.now(UTC)), one) for one in sources]
    return {names[0]: _scheme(one) for names, one in usable if names}


def _scheme(source: Source) -> Scheme | None:
    """The scheme of the source; None where its file holds what no scheme takes."""
    try:
        return scheme_of(source.verify)
    except SchemeInvalid:
        return None


def _folder_of_mappings(settings: Settings) -> Path:
    """The folder named; where there is none, the files that come with the package."""
    named = settings.mappings.absolute()
    return named if named.is_dir() else Path(mappings.__file__).parent


def _note_on_secrets(sources: list[str], settings: Settings) -> tuple[str, ...]:
    if not sources:
        return ()
    where = settings.made_secrets_dir
    return (f"throw-away secrets for {', '.join(sources)} are in {where}, for the owner only",)


def _note_on_demo(asked: Settings, home: Settings) -> str:
    ignored = [
        variable(name) for name in ("database_url", "redis_url", "timezone") if getattr(asked, name)
    ]
    what = f"; ignored: {', '.join(ignored)}" if ignored else ""
    return f"the demo has its own database and secrets in {home.data_dir}{what}"
