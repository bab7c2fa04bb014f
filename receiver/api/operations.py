"""Every call of the API: its path, who answers it, what it takes, and what it gives.

Owns the one table that routing and the OpenAPI document are made from, so that neither can have
what the other has not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from jobs.queries.actions import ActionEntry
from jobs.queries.deliveries.evidence import DeliveryEvidence
from jobs.queries.deliveries.failures import FailureGroup
from jobs.queries.deliveries.listing import DeliveryItem
from jobs.queries.deliveries.status import Status
from jobs.queries.exceptions.listing import ExceptionItem
from jobs.queries.exceptions.texts import KINDS
from jobs.queries.ledger.billing_events import BillingEventPage
from jobs.queries.ledger.revenue import RevenuePage
from jobs.queries.ledger.story import BillingEventEvidence
from jobs.queries.mappings import MappingsInForce
from jobs.queries.replays import ReplayItem
from jobs.queries.shape import Page
from jobs.queries.sources.rejections import RejectionItem
from jobs.queries.sources.rules import RuleItem
from receiver.api import commands as acting
from receiver.api import corrections as correcting
from receiver.api import queries as reading
from receiver.api.command_shapes import Begun, Corrected, Matched, Progress, Rehearsal
from receiver.api.filter_params import (
    ACTION_FILTERS,
    BILLING_FILTERS,
    CHARGE_FILTERS,
    DELIVERY_FILTERS,
    REJECTION_FILTERS,
)
from receiver.api.params import (
    ORDER_EXTRAS,
    REINSTATEMENT_MEMBERS,
    REPLAY_EXTRAS,
    REVERSAL_EXTRAS,
)
from receiver.sources.listing import SourceItem

PAGING = ("limit", "cursor")
OPENAPI_PATH = "/openapi.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call. `gives` has the shape of each success; `takes` names the parameters of the query.

    `order` names the members of a JSON body, None where there is no body.
    """

    path: str
    answered_by: Callable[[Request], Awaitable[Response]]
    says: str
    gives: Mapping[int, Any]
    method: Literal["GET", "POST"] = "GET"
    takes: tuple[str, ...] = ()
    order: tuple[str, ...] | None = None
    #: Other media types in which a success may come.
    also: tuple[str, ...] = ()
    #: What its parameters are that mean something else in other calls.
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Whether something that is named may not exist.
    may_miss: bool = False
    #: Whether the caller may name mappings that are no longer in force.
    may_conflict: bool = False


_ORDER = (*DELIVERY_FILTERS, *ORDER_EXTRAS)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        path="/status",
        answered_by=reading.status,
        says="What was accepted, and what became of it.",
        gives={200: Status},
    ),
    Operation(
        path="/deliveries",
        answered_by=reading.deliveries,
        says="Deliveries, newest first.",
        gives={200: Page[DeliveryItem]},
        takes=(*DELIVERY_FILTERS, *PAGING),
    ),
    Operation(
        path="/deliveries/{delivery_id}",
        answered_by=reading.delivery,
        says="One delivery with all that is known of it.",
        gives={200: DeliveryEvidence},
        may_miss=True,
    ),
    Operation(
        path="/failures",
        answered_by=reading.failures,
        says="What is failed now, grouped by what mends it.",
        gives={200: Page[FailureGroup]},
        takes=DELIVERY_FILTERS,
    ),
    Operation(
        path="/rejections",
        answered_by=reading.rejections,
        says="Requests that were not taken, newest first.",
        gives={200: Page[RejectionItem]},
        takes=(*REJECTION_FILTERS, *PAGING),
    ),
    Operation(
        path="/billing-events",
        answered_by=reading.billing_events,
        says="Lines of the ledger, latest recorded first; with `after` in the order of commitment.",
        gives={200: BillingEventPage},
        takes=(*BILLING_FILTERS, "format", "after", *PAGING),
        also=("text/csv",),
    ),
    Operation(
        path="/billing-events/{billing_event_id}",
        answered_by=reading.billing_event,
        says="One line of the ledger with what led to it and what became of it.",
        gives={200: BillingEventEvidence},
        may_miss=True,
    ),
    Operation(
        path="/revenue",
        answered_by=reading.revenue,
        says="Lines of the ledger, summed by what `by` names.",
        gives={200: RevenuePage},
        takes=(*BILLING_FILTERS, "by", "basis", *PAGING),
    ),
    Operation(
        path="/rules",
        answered_by=reading.rules,
        says="How each rule has fared.",
        gives={200: Page[RuleItem]},
    ),
    Operation(
        path="/sources",
        answered_by=reading.sources,
        says="What to paste at each vendor, and what is still missing here.",
        gives={200: Page[SourceItem]},
    ),
    Operation(
        path="/mappings",
        answered_by=reading.mappings,
        says="The mappings in force: version, files, and what is wrong with edits of them.",
        gives={200: MappingsInForce},
    ),
    Operation(
        path="/exceptions",
        answered_by=reading.exceptions,
        says="What was taken and not billed as someone may expect, by kind.",
        gives={200: Page[ExceptionItem]},
        takes=("kind", "examples"),
        parameters={"kind": {"enum": list(KINDS)}},
    ),
    Operation(
        path="/actions",
        answered_by=reading.actions,
        says="What people did, newest first.",
        gives={200: Page[ActionEntry]},
        takes=(*ACTION_FILTERS, *PAGING),
        parameters={"kind": {"type": "string", "minLength": 1}},
    ),
    Operation(
        path="/replays",
        answered_by=reading.replays,
        says="Replays, newest first.",
        gives={200: Page[ReplayItem]},
        takes=PAGING,
    ),
    Operation(
        method="POST",
        path="/replays",
        answered_by=acting.start,
        says="Settle stored deliveries again, or rehearse it.",
        gives={200: Rehearsal, 202: Begun},
        order=(*DELIVERY_FILTERS, *REPLAY_EXTRAS),
        may_miss=True,
        may_conflict=True,
    ),
    Operation(
        path="/replays/{replay_id}",
        answered_by=acting.progress,
        says="How far a replay is.",
        gives={200: Progress},
        may_miss=True,
    ),
    Operation(
        method="POST",
        path="/discards",
        answered_by=acting.put_away,
        says="Put failed or ignored deliveries away, with a note.",
        gives={200: Matched, 202: Begun},
        order=_ORDER,
        may_miss=True,
    ),
    Operation(
        method="POST",
        path="/reversals",
        answered_by=correcting.reverse,
        says="Take open charges back, or rebill them, with a note; or rehearse it.",
        gives={200: Corrected},
        order=(*CHARGE_FILTERS, *REVERSAL_EXTRAS),
        may_miss=True,
        may_conflict=True,
    ),
    Operation(
        method="POST",
        path="/reinstatements",
        answered_by=correcting.reinstate,
        says="Bring charges back that were taken back by hand, with a note; or rehearse it.",
        gives={200: Corrected},
        order=REINSTATEMENT_MEMBERS,
        may_miss=True,
    ),
)
