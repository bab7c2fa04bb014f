"""Filters as people write them, in a query string, a JSON body or on the command line.

Owns how text becomes a filter, one way for API and CLI. Refuses what it does not know: a
misspelt filter that was passed over would replay or discard everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo

from jobs.actions import KINDS as ACTION_KINDS
from jobs.common.errors import FilterInvalid
from jobs.common.states import DeliveryState
from jobs.corrections.charges import ChargeFilter
from jobs.filters import DeliveryFilter
from jobs.queries.actions import ActionFilter
from jobs.queries.exceptions.texts import KINDS as EXCEPTION_KINDS
from jobs.queries.ledger.billing_events import LINE_KINDS, Basis, BillingFilter
from jobs.queries.sources.rejections import RejectionFilter
from jobs.queries.times import parse_time
from jobs.settling.fold import IGNORED_REASONS
from jobs.storage.columns import can_be_stored
from mappings.engine.common.suggest import nearest
from mappings.engine.types import Reason

DELIVERY_FILTERS = tuple(DeliveryFilter.model_fields)
BILLING_FILTERS = tuple(BillingFilter.model_fields)
CHARGE_FILTERS = tuple(ChargeFilter.model_fields)
REJECTION_FILTERS = tuple(RejectionFilter.model_fields)
ACTION_FILTERS = tuple(ActionFilter.model_fields)
#: Every filter that is a time, in pairs.
TIMES = (
    *("since", "until"),
    *("recorded_since", "recorded_until"),
    *("received_since", "received_until"),
)
#: Why a delivery can have failed or have been ignored.
REASONS = (*(reason.value for reason in Reason), *IGNORED_REASONS)
#: More ids than this are a filter in disguise.
MOST_IDS = 10_000


def refuse_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise FilterInvalid for the first name that is not known, with the nearest that is."""
    names = sorted(known)
    for name in given:
        if name not in names:
            near = nearest(name, names)
            hint = f"did you mean {near}?" if near else f"known are {', '.join(names)}"
            raise FilterInvalid(f"{name[:80]!r} is no parameter here; {hint}")


def delivery_filter(
    given: Mapping[str, str | None], zone: ZoneInfo, *, ids: Iterable[str] | None = None
) -> DeliveryFilter:
    """The filter; `ids` as a list, or in `given` separated by commas. Raises FilterInvalid."""
    named = {name: value for name, value in given.items() if value is not None}
    _refuse_empty(named)
    wanted = list(ids) if ids is not None else _split(named.pop("ids", None))
    _refuse_other("state", named.get("state"), tuple(DeliveryState))
    _refuse_other("reason", named.get("reason"), REASONS)
    return DeliveryFilter.model_validate(
        {
            **named,
            **_times(named, zone),
            "ids": None if wanted is None else usable_ids(wanted, "deliveries"),
        }
    )


def charge_filter(
    given: Mapping[str, str | None], zone: ZoneInfo, *, ids: Iterable[str] | None = None
) -> ChargeFilter:
    """The filter; `ids` are of billing events or deliveries. Raises FilterInvalid."""
    named = {name: value for name, value in given.items() if value is not None}
    _refuse_empty(named)
    wanted = None if ids is None else usable_ids(ids, "charges")
    return ChargeFilter.model_validate({**named, **_times(named, zone), "ids": wanted})


def billing_filter(given: Mapping[str, str | None], zone: ZoneInfo) -> BillingFilter:
    """The filter. Raises FilterInvalid."""
    named = {name: value for name, value in given.items() if value is not None}
    _refuse_empty(named)
    _refuse_other("kind", named.get("kind"), LINE_KINDS)
    return BillingFilter.model_validate({**named, **_times(named, zone)})


def basis_of(text: str | None) -> Basis:
    """Whose day and month count, `occurred` unless given. Raises FilterInvalid."""
    _refuse_other("basis", text, get_args(Basis))
    return "recorded" if text == "recorded" else "occurred"


def rejection_filter(given: Mapping[str, str | None], zone: ZoneInfo) -> RejectionFilter:
    """The filter. Raises FilterInvalid."""
    named = {name: value for name, value in given.items() if value is not None}
    _refuse_empty(named)
    return RejectionFilter.model_validate({**named, **_times(named, zone)})


def action_filter(given: Mapping[str, str | None], zone: ZoneInfo) -> ActionFilter:
    """The filter. Raises FilterInvalid."""
    named = {name: value for name, value in given.items() if value is not None}
    _refuse_empty(named)
    _refuse_other("kind", named.get("kind"), ACTION_KINDS)
    return ActionFilter.model_validate({**named, **_times(named, zone)})


def exception_kinds(kind: str | None) -> Sequence[str]:
    """The kinds of exceptions to list: that one, or all. Raises FilterInvalid."""
    _refuse_other("kind", kind, EXCEPTION_KINDS)
    return EXCEPTION_KINDS if kind is None else (kind,)


def whole_number(name: str, text: str) -> int:
    """The number; raises FilterInvalid naming the parameter."""
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise FilterInvalid(f"{name} is {text[:80]!r}; give a whole number")
    return int(text)


def usable_ids(ids: Iterable[str], of: str) -> tuple[str, ...]:
    """These ids, of `of`; raises FilterInvalid for what cannot be one, and for too many."""
    wanted = tuple(ids)
    for one in wanted:
        refuse_unfit("ids", one)
    if len(wanted) > MOST_IDS:
        raise FilterInvalid(f"ids names {len(wanted)} {of}; give {MOST_IDS} at most")
    return wanted


def _split(ids: str | None) -> list[str] | None:
    return None if ids is None else [one.strip() for one in ids.split(",") if one.strip()]


def _times(named: Mapping[str, str], zone: ZoneInfo) -> dict[str, datetime]:
    times = {name: parse_time(name, named[name], zone) for name in TIMES if name in named}
    for since, until in zip(TIMES[::2], TIMES[1::2], strict=True):
        if since in times and until in times and times[since] > times[until]:
            given = f"{since} is {named[since][:80]!r} and {until} is {named[until][:80]!r}"
            raise FilterInvalid(f"{given}, which is earlier: nothing fits; swap them")
    return times


def refuse_unfit(name: str, text: str) -> None:
    """Raise FilterInvalid for text that no database can hold, so that nothing is named by it."""
    if not can_be_stored(text):
        raise FilterInvalid(f"{name} has a NUL or half a character; leave it out")


def _refuse_empty(named: Mapping[str, str]) -> None:
    for name, value in named.items():
        if not value.strip():
            raise FilterInvalid(f"{name} is empty; give it a value or leave it out")
        refuse_unfit(name, value)


def _refuse_other(name: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        near = nearest(value, known)
        hint = f"did you mean {near}? Choose" if near else "choose"
        raise FilterInvalid(f"{name} is {value[:80]!r}; {hint} from {', '.join(known)}")
