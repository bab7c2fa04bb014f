"""What is wrong with the secrets of sources: missing, of the wrong form, or for trying only.

Owns those findings. Refuses to show a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from mappings.engine.loading.load import MappingSet, Source
from receiver.signatures import SchemeInvalid, scheme_of
from receiver.signatures.secret_forms import FormProblem, form_problem, text_problem
from receiver.sources.secrets import Secrets


def missing_secrets(
    mappings: MappingSet, secrets: Secrets, *, now: datetime | None = None
) -> dict[str, tuple[str, ...]]:
    """The sources without any secret, with the names of which one is needed.

    A secret that has ended by `now` does not count; without `now` ends are ignored.
    """
    wanted = {name: usable_secrets(source, now) for name, source in mappings.sources.items()}
    return {
        name: names or mappings.sources[name].secrets
        for name, names in wanted.items()
        if not any(secrets.get(secret) for secret in names)
    }


def throwaway_secrets(mappings: MappingSet, secrets: Secrets) -> Iterator[tuple[str, str]]:
    """The sources with a throw-away secret of `receiver up`, and the secret's name."""
    for name, source in sorted(mappings.sources.items()):
        for secret in source.secrets:
            if secrets.is_throwaway(secret):
                yield name, secret


@dataclass(frozen=True, slots=True)
class SecretProblem:
    """A secret that its source's scheme cannot use as it is written, and the remedy."""

    source: str
    name: str
    summary: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name} {self.summary}: {self.remedy}"


def secret_problems(
    mappings: MappingSet,
    secrets: Secrets,
    *,
    now: datetime | None = None,
    source: str | None = None,
) -> list[SecretProblem]:
    """Each secret of wrong form, of all sources or of one; not those that have ended by `now`."""
    return [
        SecretProblem(name, secret, problem.summary, problem.remedy)
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
    """What is wrong with the word that set-up requests show in plain text."""
    value = secrets.get(name)
    if value is None:
        return FormProblem("is not set", "set it to the word that set-up requests are to show")
    for other, secret in signing.items():
        if value == secret:
            return FormProblem(f"is the same as {other}, which signs", "choose another word")
    return text_problem(None, value, name=name)


def usable_secrets(source: Source, now: datetime | None) -> tuple[str, ...]:
    """The names of the secrets that have not ended."""
    ends = source.secret_ends
    return tuple(name for name in source.secrets if _goes_on(ends.get(name), now))


def _goes_on(ends: datetime | None, now: datetime | None) -> bool:
    return ends is None or now is None or now < ends
