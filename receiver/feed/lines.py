"""The result of a delivery in one line: what was billed to whom, or why nothing was.

Owns the texts, for `up`, `tail` and the demo.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.text import Text

from jobs.common.states import DeliveryState
from jobs.queries.deliveries.evidence import DeliveryEvidence
from jobs.queries.deliveries.listing import DeliveryFields
from jobs.queries.ledger.outcomes import OutcomeItem
from jobs.queries.sources.rejections import RejectionItem
from receiver.terminal.output import state_text, visible

WHY_NOTHING = {
    "duplicate": "billed before, as",
    "superseded": "a later outcome stands, of",
    "waiting": "no charge to take back yet, of",
}
#: More outcomes of one delivery than this are counted.
MOST_OUTCOMES = 3
#: A failure's detail is the problem, then the remedy; `receiver failures` has both.
_FIRST_PART = re.compile(r".*?(?=; |\. |\.?$)", re.DOTALL)


Shown = DeliveryEvidence | RejectionItem


def line_of(one: Shown) -> Text:
    """The line of a delivery or of a request that was not taken."""
    return rejection_line(one) if isinstance(one, RejectionItem) else delivery_line(one)


def json_of(one: Shown) -> dict[str, Any]:
    """The same for programs; of a delivery no headers and no body."""
    if isinstance(one, RejectionItem):
        return {"type": "rejection", **one.model_dump(mode="json")}
    fields = one.model_dump(mode="json", include=set(DeliveryFields.model_fields))
    outcomes = [outcome.model_dump(mode="json") for outcome in one.outcomes]
    return {"type": "delivery", **fields, "outcomes": outcomes}


def delivery_line(delivery: DeliveryEvidence) -> Text:
    """Time, source, state with its reason, and what was billed, or why nothing was."""
    became = state_text(delivery.state).copy()
    if delivery.reason is not None:
        became.append(f": {delivery.reason}")
    said = [" ".join(filter(None, one)) for one in results(delivery, verdicts=True)]
    more = len(said) - MOST_OUTCOMES
    what = "; ".join([*said[:MOST_OUTCOMES], *([f"and {more} more"] if more > 0 else ())])
    return _line(delivery.received_at, delivery.source, became, what)


def rejection_line(rejection: RejectionItem) -> Text:
    """The same of a rejected request: its cause, and the remedy."""
    became = Text("rejected", style="yellow").append(f": {rejection.cause}")
    parts = (rejection.path, rejection.detail.rstrip("."), rejection.remediation)
    return _line(rejection.at, rejection.source, became, "; ".join(filter(None, parts)))


def results(delivery: DeliveryEvidence, *, verdicts: bool = False) -> Iterator[tuple[str, str]]:
    """What each outcome billed and its amount, or why nothing was billed."""
    if delivery.state == DeliveryState.FAILED:
        yield f"nothing: {first_part(delivery.detail or '')}", ""
    elif not delivery.outcomes:
        yield f"nothing: {delivery.detail or 'no rule matched'}", ""
    else:
        for outcome in delivery.outcomes:
            if outcome.action_id is None:
                what, amount = _posting(outcome, delivery)
                yield f"{outcome.verdict} {what}" if verdicts and amount else what, amount


def first_part(detail: str) -> str:
    """The problem, without the remedy."""
    found = _FIRST_PART.match(detail)
    return found[0] if found else detail


def _posting(outcome: OutcomeItem, delivery: DeliveryEvidence) -> tuple[str, str]:
    if outcome.verdict in WHY_NOTHING:
        return f"nothing: {WHY_NOTHING[outcome.verdict]} {outcome.outcome_key}", ""
    # A reversal names neither customer nor amount: the line that it posted does.
    posted = (one for one in delivery.billing_events if one.id == outcome.billing_event_id)
    line = next(posted, outcome)
    return (
        f"{line.agent_id} · {line.customer_id} · {line.indicator}",
        f"{line.amount} {line.currency}",
    )


def _line(at: datetime, source: str, became: Text, what: str) -> Text:
    return Text.assemble(
        (f"{at.astimezone():%H:%M:%S}", "dim"),
        "  ",
        (visible(source), "bold"),
        "  ",
        became,
        "  ",
        visible(what).replace("\n", " "),
    )
