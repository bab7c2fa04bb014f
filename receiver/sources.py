"""The sources that can be called now: mapping files and secrets brought together.

Owns what is worked out once a change and not once a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from mappings.load import MappingSet
from receiver.secrets import Secrets
from receiver.signatures import Scheme, SchemeInvalid, scheme_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSource:
    """A source as the endpoint sees it.

    `scheme` is None while its mapping cannot be used. `secrets` are the values in the order in
    which the mapping names them, "" for one that is not set.
    """

    name: str
    scheme: Scheme | None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    dedupe: str | None = None

    @property
    def has_secret(self) -> bool:
        return any(self.secrets)


def known_sources(mappings: MappingSet, secrets: Secrets) -> dict[str, KnownSource]:
    """Every source by name, those that cannot be used included."""
    known = {name: KnownSource(name=name, scheme=None) for name in mappings.unusable}
    for name, source in mappings.sources.items():
        known[name] = KnownSource(
            name=name,
            scheme=_scheme(name, source.verify),
            secrets=tuple(secrets.get(secret) or "" for secret in source.secrets),
            dedupe="none" if source.verify.get("dedupe") == "none" else None,
        )
    return known


def missing_secrets(mappings: MappingSet, secrets: Secrets) -> dict[str, tuple[str, ...]]:
    """The sources that have no secret at all, with the names of which one is needed."""
    return {
        name: source.secrets
        for name, source in mappings.sources.items()
        if not any(secrets.get(secret) for secret in source.secrets)
    }


def _scheme(name: str, verify: Mapping[str, object]) -> Scheme | None:
    try:
        return scheme_of(verify)
    except SchemeInvalid as error:
        fault = str(error)
    # An older file that goes on may hold what this version refuses; then its source stays shut.
    log.error("source.unusable", source=name, error=fault)
    return None
