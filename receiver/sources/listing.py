"""The sources as API and command line list them: what to paste at the vendor, what is missing.

Owns their shape. Refuses to show a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from pydantic import AwareDatetime

from jobs.intake.rejections import UNKNOWN_SOURCE
from jobs.queries.shape import Shape
from jobs.queries.sources.silence import Silent
from jobs.queries.sources.traffic import SecretUse, SourceTraffic, read_silent, read_traffic
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet, Source
from receiver.config.settings import Settings
from receiver.signatures.describing import describe
from receiver.sources.registry import (
    ClosedSource,
    KnownSource,
    ReadySource,
    known_sources,
    without_public_url,
)
from receiver.sources.rotation import endings_of
from receiver.sources.secret_problems import SecretProblem, secret_problems
from receiver.sources.secrets import Secrets


class SecretState(Shape):
    """A secret: whether it has a value, until when it is accepted, its use; never the value.

    `problem` is what is wrong with its form, if anything.
    """

    name: str
    is_set: bool
    not_after: AwareDatetime | None
    uses: int
    last_used: AwareDatetime | None
    problem: str | None


class SourceItem(Shape):
    """One source."""

    source: str
    file: str | None
    url: str
    scheme: str | None
    mode: str | None
    window: str | None
    secrets: tuple[SecretState, ...]
    deliveries: int
    last_delivery: AwareDatetime | None
    expect_every_seconds: int | None
    last_rejection: AwareDatetime | None
    last_rejection_cause: str | None
    redacts: tuple[str, ...]
    warnings: tuple[str, ...]
    missing: tuple[str, ...]


async def read_sources(
    database: Database, settings: Settings, mappings: MappingSet, secrets: Secrets
) -> list[SourceItem]:
    """Every source of the mappings, and those that only past deliveries have, by name."""
    traffic = await read_traffic(database)
    silent = await read_silent(database, mappings)
    return source_items(settings, mappings, secrets, traffic, silent=silent)


def source_items(
    settings: Settings,
    mappings: MappingSet,
    secrets: Secrets,
    traffic: dict[str, SourceTraffic],
    *,
    silent: Sequence[Silent] = (),
) -> list[SourceItem]:
    """The sources by name."""
    names = sorted({*mappings.sources, *mappings.unusable, *traffic} - {UNKNOWN_SOURCE})
    nothing = SourceTraffic()
    known = known_sources(mappings, secrets)
    return [
        _item(
            settings,
            known.get(name, ClosedSource(name)),
            mappings,
            secrets,
            traffic.get(name, nothing),
            [str(silence) for silence in silent if silence.source == name],
        )
        for name in names
    ]


def source_url(settings: Settings, source: str) -> str:
    """The URL for the vendor to call."""
    return f"{settings.webhooks_url}/webhooks/{source}"


def _item(
    settings: Settings,
    known: KnownSource,
    mappings: MappingSet,
    secrets: Secrets,
    traffic: SourceTraffic,
    silences: list[str],
) -> SourceItem:
    name = known.name
    source = mappings.sources.get(name)
    problems = {one.name: one for one in secret_problems(mappings, secrets, source=name)}
    states = _secret_states(source, secrets, traffic.uses, problems) if source else []
    return SourceItem(
        source=name,
        file=source.file if source else None,
        url=source_url(settings, name) + _path_behind(known),
        scheme=str(source.verify["scheme"]) if source else None,
        mode=source.mode if source else None,
        window=_window(known),
        secrets=tuple(states),
        deliveries=traffic.deliveries,
        last_delivery=traffic.last_delivery,
        expect_every_seconds=_seconds(source.expect_every) if source else None,
        last_rejection=traffic.last_rejection,
        last_rejection_cause=traffic.last_rejection_cause,
        redacts=source.redact if source else (),
        warnings=(
            *(_warnings(source, traffic, secrets) if source else ()),
            *map(str, problems.values()),
            *silences,
        ),
        missing=tuple(_missing(settings, known, source, mappings, states)),
    )


def _window(known: KnownSource) -> str | None:
    """How old a signed request may be; None where no time of signing is checked."""
    window = describe(known.scheme).window if isinstance(known, ReadySource) else "none"
    return None if window == "none" else window


def _seconds(time: timedelta | None) -> int | None:
    return None if time is None else int(time.total_seconds())


def _path_behind(known: KnownSource) -> str:
    """Where a secret in the URL goes, and how; the secret itself is never shown."""
    if not isinstance(known, ReadySource) or not known.takes_path:
        return ""
    value = known.secrets[0]
    encoded = "" if quote(value, safe="") == value else ", percent-encoded"
    return f"/<{known.secret_names[0]}{encoded}>"


def _secret_states(
    source: Source,
    secrets: Secrets,
    uses: Mapping[str, SecretUse],
    problems: Mapping[str, SecretProblem],
) -> list[SecretState]:
    return [
        SecretState(
            name=name,
            is_set=secrets.get(name) is not None,
            not_after=source.secret_ends.get(name),
            uses=uses[name].count if name in uses else 0,
            last_used=uses[name].last_used_at if name in uses else None,
            problem=problems[name].summary if name in problems else None,
        )
        for name in source.secrets
    ]


def _missing(
    settings: Settings,
    known: KnownSource,
    source: Source | None,
    mappings: MappingSet,
    states: list[SecretState],
) -> list[str]:
    """What keeps the source from working, or from working as its file now stands."""
    if source is None:
        has_file = known.name in mappings.unusable
        return ["a usable mapping file: `receiver check`" if has_file else "a mapping file"]
    missing: list[str] = []
    now = datetime.now(UTC)
    if not any(state.is_set and not has_ended(state, now) for state in states):
        where = f", or a file in {settings.secrets_dir}" if settings.secrets_dir else ""
        missing.append(f"the secret {' or '.join(state.name for state in states)}{where}")
    if without_public_url([known], settings):
        missing.append("a public URL, which its vendor signs: RECEIVER_PUBLIC_URL")
    if source.file in mappings.stale:
        missing.append(f"a good {source.file}: an older version is in force (`receiver check`)")
    return missing


def _warnings(source: Source, traffic: SourceTraffic, secrets: Secrets) -> Iterator[str]:
    """What works now but not for long."""
    for name in filter(secrets.is_throwaway, source.secrets):
        yield f"{name} is a throw-away secret of `receiver up`: set the vendor's before it calls"
    for ending in endings_of(source, traffic.uses, datetime.now(UTC)):
        yield str(ending)


def has_ended(state: SecretState, now: datetime) -> bool:
    """Whether it is no longer accepted."""
    return state.not_after is not None and state.not_after <= now
