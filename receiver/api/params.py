"""What a caller passes in the query string or as a JSON body, checked.

Owns that every parameter is known, given once and of its type; FilterInvalid names the one that
is not and what to write.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import ClientDisconnect, Request

from jobs.errors import FilterInvalid
from jobs.filters import DeliveryFilter, can_be_stored
from jobs.queries.paging import DEFAULT_LIMIT
from receiver.api.answers import ApiError, not_found
from receiver.asking import (
    DELIVERY_FILTERS,
    delivery_filter,
    refuse_unfit,
    refuse_unknown,
    whole_number,
)

MOST_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 30.0
#: More than a database can count to is a mistake.
MOST_LIMIT = 10**18
_SEND = 'send an object such as {"reason": "unpriced"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Which piece of a list is asked for; `is_limited` where the caller named a limit."""

    limit: int
    cursor: str | None
    is_limited: bool = False


def query(request: Request, known: Iterable[str], *, paged: bool = True) -> dict[str, str]:
    """The query's parameters, without those of `slice_of`."""
    paging = ("limit", "cursor") if paged else ()
    given: dict[str, str] = {}
    refuse_unknown(request.query_params.keys(), (*known, *paging))
    for name, value in request.query_params.multi_items():
        if name in given:
            raise FilterInvalid(f"{name} is given twice; give it once")
        given[name] = value
    return {name: value for name, value in given.items() if name not in paging}


def id_in_path(request: Request, of: str) -> str:
    """The id in the path of what `of` names; ApiError where nothing can have it."""
    given = str(request.path_params[f"{of}_id"])
    if not can_be_stored(given):
        raise not_found(of.replace("_", " "), given)
    return given


def slice_of(request: Request) -> Slice:
    """`limit` and `cursor`."""
    limit = request.query_params.get("limit")
    return Slice(
        limit=DEFAULT_LIMIT if limit is None else whole_number("limit", limit),
        cursor=request.query_params.get("cursor"),
        is_limited=limit is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a replay or a discard is to take, and how."""

    where: DeliveryFilter
    dry_run: bool
    note: str | None
    limit: int | None


#: What an order has besides its filter.
ORDER_EXTRAS = ("dry_run", "note", "limit")


async def order(request: Request, zone: ZoneInfo) -> Order:
    """The body of `POST /api/replays` or `/api/discards`."""
    body = await _json_object(request)
    refuse_unknown(body, (*DELIVERY_FILTERS, *ORDER_EXTRAS))
    given = {name: value for name, value in body.items() if value is not None}
    ids = given.pop("ids", None)
    dry_run, limit = given.pop("dry_run", False), given.pop("limit", None)
    for name, value in given.items():
        if not isinstance(value, str):
            raise FilterInvalid(f"{name} is {_shown(value)}; give text")
    note = given.pop("note", None)
    if note is not None:
        refuse_unfit("note", note)
    if not isinstance(dry_run, bool):
        raise FilterInvalid(f"dry_run is {_shown(dry_run)}; give true or false")
    if limit is not None and not _is_count(limit):
        raise FilterInvalid(f"limit is {_shown(limit)}; give a whole number from 1")
    return Order(
        where=delivery_filter(given, zone, ids=None if ids is None else _ids(ids)),
        dry_run=dry_run,
        note=note,
        limit=limit,
    )


def _is_count(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 1 <= given < MOST_LIMIT


def _ids(given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise FilterInvalid(f"ids is {_shown(given)}; give a list of delivery ids")
    if not given:
        raise FilterInvalid("ids is an empty list; name the deliveries, or leave it out")
    return given


async def _json_object(request: Request) -> Mapping[str, Any]:
    raw = await _body(request)
    try:
        body = json.loads(raw, object_pairs_hook=_once_each) if raw.strip() else {}
    except (ValueError, RecursionError):
        raise FilterInvalid(f"the body is no JSON; {_SEND}") from None
    if not isinstance(body, dict):
        raise FilterInvalid(f"the body is no JSON object; {_SEND}")
    return body


async def _body(request: Request) -> bytes:
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > MOST_BODY_BYTES:
                    detail = f"the body has more than {MOST_BODY_BYTES} bytes"
                    raise ApiError(413, "too-large", detail)
    except TimeoutError:
        raise ApiError(408, "too-slow", "the body did not arrive in time") from None
    except ClientDisconnect:
        raise ApiError(400, "disconnected", "the body is not whole") from None
    return bytes(raw)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; FilterInvalid where a name is given twice, for the wider one might count."""
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise FilterInvalid(f"{repeated[:80]!r} is given twice; give it once")
    return found


def _shown(value: Any) -> str:
    return json.dumps(value)[:80]
