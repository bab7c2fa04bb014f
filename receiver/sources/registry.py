"""The sources that can be called now: mapping files and secrets brought together.

Owns what is worked out once a change and not once a request, and verifying by the secrets in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import structlog

from mappings.engine.loading.load import MappingSet, Source
from mappings.engine.redact.redactor import Redactor
from receiver.config.settings import Settings
from receiver.signatures import (
    Request,
    Response,
    Scheme,
    SchemeInvalid,
    SignatureError,
    Verified,
    scheme_of,
)
from receiver.sources.secrets import Secrets

log = structlog.get_logger(__name__)

#: The causes of a SignatureError that is the operator's to repair, not the sender's fault.
UNUSABLE_SECRET = frozenset({"no-secret", "malformed-secret"})
#: A shorter secret may stand in a header by accident.
MIN_FINDABLE_CHARS = 8


class SourceState(StrEnum):
    """Whether a source takes deliveries, and if not, why."""

    READY = "ready"
    NO_SECRET = "no-secret"  # noqa: S105 - a state
    NO_MAPPING = "no-mapping"


@dataclass(frozen=True, slots=True)
class ClosedSource:
    """A source whose mapping file cannot be used."""

    name: str
    state: SourceState = SourceState.NO_MAPPING
    takes_path: bool = False
    failure: Response | None = None


@dataclass(frozen=True, kw_only=True)
class ReadySource:
    """A source as the endpoint sees it: what a request needs, worked out once a change.

    `redactor` removes what must not be stored, if anything. `secrets` are the values in the order
    in which the mapping names them, "" for one that is not set; `secret_names` and `secret_ends`
    (seconds since 1970, None for no end) go with them. `handshake_secret` is what a set-up request
    must show where the mapping names one: "" while that is not set.
    """

    name: str
    scheme: Scheme
    secrets: tuple[str, ...] = field(default=(), repr=False)
    secret_names: tuple[str, ...] = ()
    secret_ends: tuple[float | None, ...] = ()
    dedupe: str | None = None
    handshake_secret: str | None = field(default=None, repr=False)
    redactor: Redactor | None = field(default=None, repr=False)

    @cached_property
    def state(self) -> SourceState:
        return SourceState.READY if any(self.secrets) else SourceState.NO_SECRET

    @property
    def takes_path(self) -> bool:
        return self.scheme.takes_path

    @property
    def failure(self) -> Response | None:
        return self.scheme.failure

    @cached_property
    def is_answerable(self) -> bool:
        """Whether some request can be answered: a delivery, or a set-up request without secrets."""
        return self.state is SourceState.READY or any(
            handshake.test_secrets or not handshake.signed for handshake in self.scheme.handshakes
        )

    @cached_property
    def findable_secrets(self) -> tuple[str, ...]:
        """The values that are no accident where they stand in a header."""
        return tuple(value for value in self.secrets if len(value) >= MIN_FINDABLE_CHARS)

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

    def verify(self, request: Request, *, now: float, extra: tuple[str, ...] = ()) -> Verified:
        """Verify by one of the secrets in force, or by an `extra` one behind them.

        Raises SignatureError; its cause is `ended-secret` where a secret that has ended signed.
        """
        try:
            return self.scheme.verify(request, secrets=(*self.secrets_at(now), *extra), now=now)
        except SignatureError as error:
            ended = () if error.cause in UNUSABLE_SECRET else self.ended_secrets(now)
            if ended and self._is_signed_by(ended, request, now):
                detail = "signed with a secret that its `not_after` has ended"
                raise SignatureError("ended-secret", detail) from None
            raise

    def secret_name(self, verified: Verified) -> str | None:
        """The name of the secret that verified a request; None for one that has none."""
        index = verified.secret_index
        return self.secret_names[index] if index < len(self.secret_names) else None

    def clock_lag(self, verified: Verified, now: float) -> float | None:
        """How many seconds ago a request was signed, where that shows anything of our clock.

        A retry that only the part of the window for retries lets pass shows nothing: its time of
        signing is that of the first request.
        """
        if verified.timestamp is None:
            return None
        lag = now - verified.timestamp
        is_retry = self.scheme.window_seconds is not None and lag > self.scheme.tolerance_seconds
        return None if is_retry else lag

    def _is_signed_by(self, secrets: tuple[str, ...], request: Request, now: float) -> bool:
        try:
            self.scheme.verify(request, secrets=secrets, now=now)
        except SignatureError:
            return False
        return True


#: What the name of a webhook's URL stands for.
KnownSource = ReadySource | ClosedSource


def _has_ended(ends: float | None, now: float) -> bool:
    return ends is not None and now >= ends


def known_sources(mappings: MappingSet, secrets: Secrets) -> dict[str, KnownSource]:
    """Every source by name, those that cannot be used included."""
    known: dict[str, KnownSource] = {name: ClosedSource(name) for name in mappings.unusable}
    for name, source in mappings.sources.items():
        scheme = _scheme(name, source.verify)
        known[name] = _ready(source, scheme, secrets) if scheme else ClosedSource(name)
    return known


def _ready(source: Source, scheme: Scheme, secrets: Secrets) -> ReadySource:
    ends = [source.secret_ends.get(name) for name in source.secrets]
    gate = source.verify.get("handshake_secret")
    return ReadySource(
        name=source.name,
        scheme=scheme,
        secrets=tuple(secrets.get(name) or "" for name in source.secrets),
        secret_names=source.secrets,
        secret_ends=tuple(None if end is None else end.timestamp() for end in ends),
        dedupe="none" if source.verify.get("dedupe") == "none" else None,
        handshake_secret=(secrets.get(gate) or "") if isinstance(gate, str) else None,
        redactor=source.redactor,
    )


def _scheme(name: str, verify: Mapping[str, object]) -> Scheme | None:
    try:
        return scheme_of(verify)
    except SchemeInvalid as error:
        detail = str(error)
    # An older file in force may hold what this version refuses; its source is then closed.
    log.error("source.unusable", source=name, error=detail)
    return None


def signs_url(scheme: Scheme) -> bool:
    """Whether the signature covers the URL, so that it must be known as the vendor calls it."""
    return "URL" in scheme.signed_parts


def without_public_url(sources: Iterable[KnownSource], settings: Settings) -> list[str]:
    """The sources whose vendor signs the URL while the URL it calls is not known.

    Behind a configured proxy, the headers show it.
    """
    if settings.public_url or settings.trusted_proxies:
        return []
    ready = (source for source in sources if isinstance(source, ReadySource))
    return sorted(source.name for source in ready if signs_url(source.scheme))
