"""The secrets of a source as a mapping file names them, and when each ends.

Owns: names and dates. Refuses: values, which verification looks up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Discriminator, Field, Tag

from mappings.engine.reading.validation import Strict, wrong

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _secret_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name.startswith("whsec_"):
        raise wrong(
            "This is not the name of a secret.",
            "Write the name of an environment variable, such as ZENDESK_SECRET, "
            "and never the secret itself.",
        )
    return name


def _end(text: str) -> str:
    try:
        end_of(text, ZoneInfo("UTC"))
    except (ValueError, OverflowError):
        raise wrong(
            f"`{text[:40]}` is neither a day nor a time.",
            "Write the last day on which it is accepted, such as 2026-12-31, or a time such as "
            '"2026-12-31T18:00:00Z".',
        ) from None
    return text


def end_of(text: str, zone: ZoneInfo) -> datetime:
    """The moment from which the secret is refused: a day is accepted to its end in `zone`.

    Raises ValueError for what is neither a day nor a time with an offset, OverflowError for a
    day after which the calendar has none.
    """
    if _DATE.fullmatch(text):
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), zone)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        message = "a time without an offset"
        raise ValueError(message)
    return moment


SecretName = Annotated[str, AfterValidator(_secret_name)]


class EndingSecret(Strict):
    """A secret that is on its way out."""

    name: SecretName = Field(description="Its name.", examples=["ZENDESK_SECRET_OLD"])
    not_after: Annotated[str, AfterValidator(_end)] | None = Field(
        None,
        description="The last day on which it is accepted, or a time.",
        examples=["2026-12-31"],
    )


def _kind(value: object) -> str:
    return "ending" if isinstance(value, (dict, EndingSecret)) else "name"


Secret = Annotated[
    Annotated[SecretName, Tag("name")] | Annotated[EndingSecret, Tag("ending")],
    Discriminator(_kind),
]


def _distinct(secrets: list[Secret]) -> list[Secret]:
    names = secret_names(secrets)
    for index, name in enumerate(names):
        if name in names[:index]:
            raise wrong(f"`{name}` is named twice.", "Keep one of them.", path=(index,))
    return secrets


Secrets = Annotated[
    list[Secret],
    Field(
        min_length=1,
        description="Names of environment variables or of files in SECRETS_DIR; several overlap "
        "while a secret is exchanged, and an item `{name: OLD, not_after: 2026-12-31}` ends.",
        examples=["[ZENDESK_SECRET]"],
    ),
    AfterValidator(_distinct),
]


def secret_names(secrets: Sequence[Secret]) -> tuple[str, ...]:
    """The names alone, in their order."""
    return tuple(secret if isinstance(secret, str) else secret.name for secret in secrets)


def ends_of(secrets: Sequence[Secret], zone: ZoneInfo) -> dict[str, datetime]:
    """By name, the moment from which a secret is refused; those without an end are left out."""
    return {
        secret.name: end_of(secret.not_after, zone)
        for secret in secrets
        if isinstance(secret, EndingSecret) and secret.not_after is not None
    }
