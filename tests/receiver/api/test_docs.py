"""docs/api.md names every path and every field that the API has."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from jobs.database import Database
from jobs.filters import DeliveryFilter
from jobs.queries import shapes
from jobs.queries.billing import BillingFilter
from jobs.queries.rejections import RejectionFilter
from jobs.replay import ReplayStatus
from receiver.api import ApiParts, api_routes

DOCS = (Path(__file__).parents[3] / "docs" / "api.md").read_text("utf-8")

_SHAPES = (
    shapes.Status,
    shapes.DeliveryItem,
    shapes.DeliveryEvidence,
    shapes.OutcomeItem,
    shapes.BillingEventItem,
    shapes.RejectionItem,
    shapes.FailureGroup,
    shapes.RuleItem,
    shapes.RevenueItem,
    DeliveryFilter,
    BillingFilter,
    RejectionFilter,
)
FIELDS = {name for shape in _SHAPES for name in shape.model_fields} | set(ReplayStatus.__slots__)


@pytest.fixture
def database(sqlite_tables: Database) -> Database:
    """Nothing is asked of it."""
    return sqlite_tables


async def test_every_path_is_documented(parts: ApiParts) -> None:
    [mount] = api_routes(parts, token="t")
    assert isinstance(mount, Mount)
    assert isinstance(mount.app, Starlette)
    for route in mount.app.routes:
        assert isinstance(route, Route)
        path = route.path.replace("delivery_id", "id").replace("replay_id", "id")
        method = "POST" if "POST" in (route.methods or ()) else "GET"
        assert f"{method} /api{path}`" in DOCS


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_field_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCS
