"""docs/api.md names every path and every field that the API has."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from jobs.filters import ActionFilter, BillingFilter, ChargeFilter, DeliveryFilter, RejectionFilter
from jobs.queries.actions import ActionEntry
from jobs.queries.deliveries.evidence import DeliveryEvidence
from jobs.queries.deliveries.failures import FailureGroup
from jobs.queries.deliveries.listing import DeliveryItem
from jobs.queries.deliveries.status import Status
from jobs.queries.exceptions.examples import (
    AmountDiffers,
    LookalikeCustomer,
    UnusedPriceItem,
    WaitingReversal,
)
from jobs.queries.exceptions.listing import ExceptionItem
from jobs.queries.ledger.billing_events import BillingEventItem, BillingEventPage
from jobs.queries.ledger.outcomes import OutcomeItem
from jobs.queries.ledger.revenue import RevenueItem
from jobs.queries.ledger.story import (
    BillingEventEvidence,
    KeyOutcomeItem,
    SignedDelivery,
    VersionText,
)
from jobs.queries.mappings import MappingFile, MappingProblem, MappingProcess, MappingsInForce
from jobs.queries.replays import ReplayItem
from jobs.queries.shape import Page
from jobs.queries.sources.rejections import RejectionItem
from jobs.queries.sources.rules import RuleItem
from jobs.replays.dry_run import DryRun
from jobs.replays.replay import ReplayStatus
from jobs.storage.database import Database
from receiver.api import Dependencies, api_routes
from receiver.api.command_shapes import Corrected, CorrectedCharge, RefusedCharge
from receiver.app import WebProcess
from receiver.config.settings import Settings
from receiver.sources.listing import SecretState, SourceItem
from receiver.sources.secrets import Secrets
from tests.support import markdown

PAGE = markdown.Page(markdown.ROOT / "docs" / "api.md")
DOCS = PAGE.text

_CALL = re.compile(r"(GET|POST) /")

_SHAPES = (
    Status,
    DeliveryItem,
    DeliveryEvidence,
    OutcomeItem,
    BillingEventItem,
    BillingEventEvidence,
    SignedDelivery,
    KeyOutcomeItem,
    VersionText,
    ExceptionItem,
    WaitingReversal,
    AmountDiffers,
    LookalikeCustomer,
    UnusedPriceItem,
    ActionEntry,
    ReplayItem,
    SourceItem,
    SecretState,
    MappingsInForce,
    MappingFile,
    MappingProblem,
    MappingProcess,
    RejectionItem,
    FailureGroup,
    RuleItem,
    Corrected,
    CorrectedCharge,
    RefusedCharge,
    ChargeFilter,
    RevenueItem,
    DeliveryFilter,
    BillingFilter,
    RejectionFilter,
    ActionFilter,
)
FIELDS = {name for shape in _SHAPES for name in shape.model_fields} | set(ReplayStatus.__slots__)


@pytest.fixture
def database(sqlite_tables: Database) -> Database:
    """Nothing is asked of it."""
    return sqlite_tables


def answered(route: Route) -> str:
    """`METHOD /path` as the page writes it."""
    method = "POST" if route.methods is None or "POST" in route.methods else "GET"
    path = re.sub(r"\{(\w+)_id\}", "{id}", route.path.replace(":path}", "}"))
    return f"{method} {path}"


async def test_every_path_is_documented_and_no_other(
    parts: Dependencies, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    process = WebProcess(Settings(data_dir=tmp_path), secrets=Secrets(environ={}))
    [mount] = api_routes(parts, token="t")
    assert isinstance(mount, Mount)
    assert isinstance(mount.app, Starlette)
    served = {answered(route) for route in process.routes() if isinstance(route, Route)}
    served |= {
        answered(route).replace(" /", " /api/", 1)
        for route in mount.app.routes
        if isinstance(route, Route)
    }
    await process.database.close()
    documented = {span.partition("?")[0] for span in PAGE.spans() if _CALL.match(span)}
    assert documented == served


EXAMPLES: dict[str, type[BaseModel] | set[str]] = {
    "/status": Status,
    "/deliveries": Page[DeliveryItem],
    "/deliveries/": DeliveryEvidence,
    "/failures": Page[FailureGroup],
    "/rejections": Page[RejectionItem],
    "/billing-events": BillingEventPage,
    "/billing-events/": BillingEventEvidence,
    "/rules": Page[RuleItem],
    "/revenue": {"items", "next", "complete_until"},
    "/replays": {"id", "matched"},
    "/replays?limit": Page[ReplayItem],
    "/exceptions": Page[ExceptionItem],
    "/mappings": MappingsInForce,
    "/sources": Page[SourceItem],
    "/actions": Page[ActionEntry],
    "/replays dry": set(DryRun().as_json()),
    "/replays/": set(ReplayStatus.__slots__) - {"not_replayed"},  # there where it is not 0
    "/discards": {"id", "matched"},
    "/reversals dry": Corrected,
    "/reinstatements": Corrected,
    "/deliveries?stat": {"error", "detail"},
}


def calls() -> Iterator[tuple[str, str]]:
    """Each example call on the page by its kind, with the answer shown."""
    shown = re.findall(r"```sh\napi ([^\n]+)\n```\n```json\n(.*?)```", PAGE.text, re.DOTALL)
    for call, answer in shown:
        path, _, rest = shlex.split(call)[0].partition("?")
        kind = re.sub(r"(?<=/)[0-9a-f-]{36}$", "", path)
        kind += " dry" if "dry_run" in call else "?stat" if rest.startswith("stat=") else ""
        kind += "?limit" if kind == "/replays" and rest else ""
        yield kind, answer


def test_every_kind_of_call_is_shown() -> None:
    assert sorted(kind for kind, _ in calls()) == sorted(EXAMPLES)


@pytest.mark.parametrize(
    ("kind", "answer"), list(calls()), ids=lambda value: value.split("\n")[0][:24]
)
def test_an_answer_shown_has_the_fields_of_a_real_one(kind: str, answer: str) -> None:
    shape = EXAMPLES[kind]
    if isinstance(shape, set):
        assert set(json.loads(answer)) == shape
    else:
        shape.model_validate_json(answer)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_field_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCS
