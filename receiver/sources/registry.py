"""The sources that can be called now: mapping files and secrets brought together.

Owns what is worked out once a change and not once a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from mappings.engine.loading.load import MappingSet, Source
from mappings.engine.redact.redactor import Redactor
from receiver.config.settings import Settings
from receiver.signatures import Scheme, SchemeInvalid, scheme_of
from receiver.signatures.secret_forms import FormProblem, form_problem, text_problem
from receiver.sources.secrets import Secrets

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSource:
    """A source as the endpoint sees it.

    `scheme` is None while its mapping cannot be used. `redactor` takes out what is not to be
    stored; None where all is. `secrets` are the values in the order in
    which the mapping names them, "" for one that is not set; `secret_names` and `secret_ends`
    (seconds since 1970, None for no end) go with them. `handshake_secret` is what a set-up
    request must show where the mapping names one: "" while that is not set.
    """

    name: str
    scheme: Scheme | None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    secret_names: tuple[str, ...] = ()
    secret_ends: tuple[float | None, ...] = ()
    dedupe: str | None = None
    handshake_secret: str | None = field(default=None, repr=False)
    redactor: Redactor | None = field(default=None, repr=False)

    @property
    def has_secret(self) -> bool:
        return any(self.secrets)

    def secrets_at(self, now: float) -> tuple[str, ...]:
        """The values in their places, "" for one that is not set or has ended by `now`."""
        if all(ends is None for ends in self.secret_ends):
            return self.secrets
        with_ends = zip(self.secrets, self.secret_ends, strict=True)
        return tuple("" if _has_ended(ends, now) else value for value, ends in with_ends)

    def gate_secrets(self, now: float) -> tuple[str, ...]:
        """The values of which a set-up request must show one."""
        named = self.handshake_secret
        return self.secrets_at(now) if named is None else (named,)

    def ended_secrets(self, now: float) -> tuple[str, ...]:
        """The values that were accepted before they ended."""
        with_ends = zip(self.secrets, self.secret_ends, strict=False)
        return tuple(value for value, ends in with_ends if value and _has_ended(ends, now))


def _has_ended(ends: float | None, now: float) -> bool:
    return ends is not None and now >= ends


def known_sources(mappings: MappingSet, secrets: Secrets) -> dict[str, KnownSource]:
    """Every source by name, those that cannot be used included."""
    known = {name: KnownSource(name=name, scheme=None) for name in mappings.unusable}
    for name, source in mappings.sources.items():
        known[name] = KnownSource(
            name=name,
            scheme=_scheme(name, source.verify),
            secrets=tuple(secrets.get(secret) or "" for secret in source.secrets),
            secret_names=source.secrets,
            secret_ends=tuple(_seconds(source.secret_ends.get(name)) for name in source.secrets),
            dedupe="none" if source.verify.get("dedupe") == "none" else None,
            handshake_secret=_handshake_secret(source, secrets),
            redactor=source.redactor,
        )
    return known


def _handshake_secret(source: Source, secrets: Secrets) -> str | None:
    name = source.verify.get("handshake_secret")
    return (secrets.get(name) or "") if isinstance(name, str) else None


def missing_secrets(
    mappings: MappingSet, secrets: Secrets, *, now: datetime | None = None
) -> dict[str, tuple[str, ...]]:
    """The sources that have no secret at all, with the names of which one is needed.

    One that has ended by `now` is none; without `now` ends do not matter.
    """
    wanted = {name: usable_secrets(source, now) for name, source in mappings.sources.items()}
    return {
        name: names or mappings.sources[name].secrets
        for name, names in wanted.items()
        if not any(secrets.get(secret) for secret in names)
    }


def throwaway_secrets(mappings: MappingSet, secrets: Secrets) -> Iterator[tuple[str, str]]:
    """The sources that take requests signed with what `receiver up` made, and the secret's name."""
    for name, source in sorted(mappings.sources.items()):
        for secret in source.secrets:
            if secrets.is_throwaway(secret):
                yield name, secret


@dataclass(frozen=True, slots=True)
class SecretProblem:
    """A secret of a source that has not the form which its scheme takes, and what to do."""

    source: str
    name: str
    says: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name} {self.says}: {self.remedy}"


def secret_problems(
    mappings: MappingSet,
    secrets: Secrets,
    *,
    now: datetime | None = None,
    source: str | None = None,
) -> list[SecretProblem]:
    """Each secret of wrong form, of all sources or of one; not those that have ended by `now`."""
    return [
        SecretProblem(name, secret, problem.says, problem.remedy)
        for name, known in sorted(mappings.sources.items())
        if source in (None, name)
        for secret, problem in _problems_of(known, secrets, now)
    ]


def _problems_of(
    source: Source, secrets: Secrets, now: datetime | None
) -> Iterator[tuple[str, FormProblem]]:
    try:
        scheme = scheme_of(source.verify)
    except SchemeInvalid:
        return
    values: dict[str, str] = {}
    for name in usable_secrets(source, now):
        value = secrets.get(name)
        if value is not None:
            values[name] = value
            problem = form_problem(scheme, value, name=name)
        else:
            problem = _EMPTY if secrets.is_empty(name) else None
        if problem is not None:
            yield name, problem
    gate = source.verify.get("handshake_secret")
    if isinstance(gate, str):
        problem = _problem_of_gate(gate, secrets, values)
        if problem is not None:
            yield gate, problem


_EMPTY = FormProblem("is there and empty", "put the secret into it")


def _problem_of_gate(name: str, secrets: Secrets, signing: Mapping[str, str]) -> FormProblem | None:
    """What is wrong with the word that set-up requests show in the open."""
    value = secrets.get(name)
    if value is None:
        return FormProblem("is not set", "set it to the word that set-up requests are to show")
    for other, secret in signing.items():
        if value == secret:
            return FormProblem(f"is the same as {other}, which signs", "choose another word")
    return text_problem(None, value, name=name)


def usable_secrets(source: Source, now: datetime | None) -> tuple[str, ...]:
    """The names of those that have not ended."""
    ends = source.secret_ends
    return tuple(name for name in source.secrets if _goes_on(ends.get(name), now))


def _goes_on(ends: datetime | None, now: datetime | None) -> bool:
    return ends is None or now is None or now < ends


def _seconds(ends: datetime | None) -> float | None:
    return None if ends is None else ends.timestamp()


def _scheme(name: str, verify: Mapping[str, object]) -> Scheme | None:
    try:
        return scheme_of(verify)
    except SchemeInvalid as error:
        fault = str(error)
    # An older file that goes on may hold what this version refuses; then its source stays shut.
    log.error("source.unusable", source=name, error=fault)
    return None


def signs_url(scheme: Scheme) -> bool:
    """Whether the signature covers the URL, so that it must be known as the vendor calls it."""
    return "URL" in scheme.signed_parts


def without_public_url(sources: Iterable[KnownSource], settings: Settings) -> list[str]:
    """The sources whose vendor signs the URL while nothing says what it calls.

    Behind a configured proxy, its headers say so.
    """
    if settings.public_url or settings.trusted_proxies:
        return []
    return sorted(one.name for one in sources if one.scheme is not None and signs_url(one.scheme))
