"""Every call of the API: its path, who answers it, what it takes, and what it gives.

Owns the one table that routing and the OpenAPI document are made from, so that neither can have
what the other has not.
"""

from __future__ import annotations

from jobs.filters import (
    ActionFilter,
    BillingFilter,
    ChargeFilter,
    DeliveryFilter,
    RejectionFilter,
)
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
from receiver.api import commands, corrections, queries
from receiver.api.bodies import COMMAND_MEMBERS, REINSTATE_MEMBERS, REPLAY_MEMBERS, REVERSE_MEMBERS
from receiver.api.call import Operation
from receiver.api.command_shapes import Begun, Corrected, Matched, Progress, Rehearsal
from receiver.sources.listing import SourceItem

PAGING = ("limit", "cursor")
OPENAPI_PATH = "/openapi.json"


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        path="/status",
        answered_by=queries.status,
        summary="What was accepted, and what became of it.",
        gives={200: Status},
    ),
    Operation(
        path="/deliveries",
        answered_by=queries.deliveries,
        summary="Deliveries, newest first.",
        gives={200: Page[DeliveryItem]},
        filter=DeliveryFilter,
        takes=PAGING,
    ),
    Operation(
        path="/deliveries/{delivery_id}",
        answered_by=queries.delivery,
        summary="One delivery with all that is known of it.",
        gives={200: DeliveryEvidence},
        may_miss=True,
    ),
    Operation(
        path="/failures",
        answered_by=queries.failures,
        summary="What is failed now, grouped by what fixes it.",
        gives={200: Page[FailureGroup]},
        filter=DeliveryFilter,
    ),
    Operation(
        path="/rejections",
        answered_by=queries.rejections,
        summary="Requests that were not taken, newest first.",
        gives={200: Page[RejectionItem]},
        filter=RejectionFilter,
        takes=PAGING,
    ),
    Operation(
        path="/billing-events",
        answered_by=queries.billing_events,
        summary="Lines of the ledger, latest recorded first; with `after`, in order of commitment.",
        gives={200: BillingEventPage},
        filter=BillingFilter,
        takes=("format", "after", *PAGING),
        also=("text/csv",),
    ),
    Operation(
        path="/billing-events/{billing_event_id}",
        answered_by=queries.billing_event,
        summary="One line of the ledger with what led to it and what became of it.",
        gives={200: BillingEventEvidence},
        may_miss=True,
    ),
    Operation(
        path="/revenue",
        answered_by=queries.revenue,
        summary="Lines of the ledger, summed by what `by` names.",
        gives={200: RevenuePage},
        filter=BillingFilter,
        takes=("by", "basis", *PAGING),
    ),
    Operation(
        path="/rules",
        answered_by=queries.rules,
        summary="How each rule has fared.",
        gives={200: Page[RuleItem]},
    ),
    Operation(
        path="/sources",
        answered_by=queries.sources,
        summary="What to paste at each vendor, and what is still missing here.",
        gives={200: Page[SourceItem]},
    ),
    Operation(
        path="/mappings",
        answered_by=queries.mappings,
        summary="The mappings in force: version, files, and what is wrong with edits of them.",
        gives={200: MappingsInForce},
    ),
    Operation(
        path="/exceptions",
        answered_by=queries.exceptions,
        summary="What was taken and not billed as someone may expect, by kind.",
        gives={200: Page[ExceptionItem]},
        takes=("kind", "examples"),
        parameters={"kind": {"enum": list(KINDS)}},
    ),
    Operation(
        path="/actions",
        answered_by=queries.actions,
        summary="What people did, newest first.",
        gives={200: Page[ActionEntry]},
        filter=ActionFilter,
        takes=PAGING,
    ),
    Operation(
        path="/replays",
        answered_by=queries.replays,
        summary="Replays, newest first.",
        gives={200: Page[ReplayItem]},
        takes=PAGING,
    ),
    Operation(
        method="POST",
        path="/replays",
        answered_by=commands.start,
        summary="Settle stored deliveries again, or rehearse it.",
        gives={200: Rehearsal, 202: Begun},
        members=(*DeliveryFilter.model_fields, *REPLAY_MEMBERS),
        may_miss=True,
        may_conflict=True,
    ),
    Operation(
        path="/replays/{replay_id}",
        answered_by=commands.progress,
        summary="How far a replay is.",
        gives={200: Progress},
        may_miss=True,
    ),
    Operation(
        method="POST",
        path="/discards",
        answered_by=commands.put_away,
        summary="Put failed or ignored deliveries away, with a note.",
        gives={200: Matched, 202: Begun},
        members=(*DeliveryFilter.model_fields, *COMMAND_MEMBERS),
        may_miss=True,
    ),
    Operation(
        method="POST",
        path="/reversals",
        answered_by=corrections.reverse,
        summary="Take open charges back, or rebill them, with a note; or rehearse it.",
        gives={200: Corrected},
        members=(*ChargeFilter.model_fields, *REVERSE_MEMBERS),
        may_miss=True,
        may_conflict=True,
    ),
    Operation(
        method="POST",
        path="/reinstatements",
        answered_by=corrections.reinstate,
        summary="Bring charges back that were taken back by hand, with a note; or rehearse it.",
        gives={200: Corrected},
        members=REINSTATE_MEMBERS,
        may_miss=True,
    ),
)
