"""What the API needs of the process around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from starlette.requests import Request

from jobs.database import Database
from mappings.load import MappingSet
from receiver.secrets import Secrets
from receiver.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """Database, the mappings in force, the zone that days are in, the age limit of outcomes.

    `settings` and `secrets` say what sources are still missing; neither leaves by the API.
    """

    database: Database
    mappings: Callable[[], MappingSet]
    zone: ZoneInfo
    oldest_days: int
    settings: Settings
    secrets: Secrets


def parts_of(request: Request) -> ApiParts:
    """The parts given to `api_routes`."""
    parts = request.app.state.parts
    assert isinstance(parts, ApiParts)  # noqa: S101 - set in api_routes, nowhere else
    return parts
