"""Names in filters that nothing has: misspelt, and not an empty list that ends well.

A source or a rule whose mapping is gone is known by its records and stays good. Filters of what was
billed name agents, customers, indicators and currencies too: those that were billed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from jobs.corrections.charges import ChargeFilter
from jobs.filters import DeliveryFilter
from jobs.queries.deliveries.listing import count_deliveries
from jobs.queries.ledger.billing_events import BillingFilter
from jobs.queries.names import ID_COLUMNS, all_known, is_known
from receiver.api.filter_names import MAPPED, refusal, unrecorded
from receiver.cli.common.errors import MISUSE, Trouble
from receiver.cli.common.session import Session


def refuse_misspelt(session: Session, where: DeliveryFilter | ChargeFilter | BillingFilter) -> None:
    """Raise Trouble for a name or id that neither the mappings nor the records know."""
    _refuse_unknown_ids(session, where)
    _refuse_empty_group(session, where)
    for kind, name in session.run(unrecorded, where).items():
        names = {*_mapped(session, kind)}
        if name not in names:
            names |= session.run(all_known, kind)
            raise Trouble(refusal(kind, name, names), code=MISUSE)


def sources_at_hand(session: Session) -> frozenset[str]:
    """The sources of the mappings; none where there are no mappings at hand."""
    return frozenset(_mapped(session, "source"))


def _refuse_unknown_ids(
    session: Session, where: DeliveryFilter | ChargeFilter | BillingFilter
) -> None:
    """A part of a key, such as a ticket's number, would look like a ticket that billed nothing."""
    for kind in ID_COLUMNS:
        text = getattr(where, kind, None)
        if text is not None and not session.run(is_known, kind, text):
            command = shlex.join(["receiver", "show", text])
            unknown = f"there is no {kind.replace('_', ' ')} {text!r}"
            raise Trouble(f"{unknown}; look for it with `{command}`", code=MISUSE)


def _refuse_empty_group(
    session: Session, where: DeliveryFilter | ChargeFilter | BillingFilter
) -> None:
    if not isinstance(where, DeliveryFilter) or where.group is None:
        return
    if not session.run(count_deliveries, DeliveryFilter(group=where.group)):
        raise Trouble(
            f"no failure is in group {where.group!r}; `receiver failures` lists the groups",
            code=MISUSE,
        )


def _mapped(session: Session, kind: str) -> Iterator[str]:
    """The names that the mappings have; none where there are no mappings at hand."""
    try:
        sources = session.mappings().sources if kind in MAPPED else {}
    except Trouble:
        return
    for name, source in sources.items():
        if kind == "source":
            yield name
        else:
            yield from (rule.name for rule in source.rules)
