"""The JSON body of each command, checked: replay, discard, reverse, reinstate.

Owns that every member is known, given once and of its type; FilterInvalid names the one that is
not and what to write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request

from jobs.common.errors import FilterInvalid
from jobs.common.parsing import (
    check_ids,
    check_names,
    check_text,
)
from jobs.filters import ChargeFilter, DeliveryFilter
from mappings.engine.common.unique_keys import DuplicateKey, unique_keys
from receiver.api.answers import ApiError
from receiver.web.body import BodyReader, BodyTooLarge, Disconnected
from receiver.web.body_budget import Budget

MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 30.0
#: More than a database can count to is a mistake.
MAX_LIMIT = 10**18
_SEND = 'send an object such as {"reason": "unpriced"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """What a replay or a discard is to take, and how."""

    where: DeliveryFilter
    dry_run: bool
    note: str | None
    limit: int | None
    mapping_version: str | None = None


#: What a command has besides its filter.
COMMAND_MEMBERS = ("dry_run", "note", "limit")


#: What a replay has besides that.
REPLAY_MEMBERS = (*COMMAND_MEMBERS, "mapping_version")


async def read_replay(
    request: Request, zone: ZoneInfo, extras: tuple[str, ...] = COMMAND_MEMBERS
) -> ReplayRequest:
    """The body of `POST /api/replays` or `/api/discards`."""
    body = await _json_object(request)
    check_names(body, (*DeliveryFilter.model_fields, *extras))
    given = _given(body)
    ids, dry_run, limit = _ids_of(given), _flag(given, "dry_run"), _limit_of(given)
    texts = _texts(given)
    note, mapping_version = _note_of(texts), texts.pop("mapping_version", None)
    return ReplayRequest(
        where=DeliveryFilter.parse(texts, zone, ids=ids),
        dry_run=dry_run,
        note=note,
        limit=limit,
        mapping_version=mapping_version,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseRequest:
    """What a reversal is to take, and how. `origin` is the delivery to bill from."""

    where: ChargeFilter
    rebill: bool
    origin: str | None
    dry_run: bool
    note: str | None
    limit: int | None
    mapping_version: str | None


#: What a reversal has besides its filter, which stands in `filter` or beside these.
REVERSE_MEMBERS = ("filter", "rebill", "from", *COMMAND_MEMBERS, "mapping_version")


async def read_reverse(request: Request, zone: ZoneInfo) -> ReverseRequest:
    """The body of `POST /api/reversals`."""
    body = await _json_object(request)
    check_names(body, (*ChargeFilter.model_fields, *REVERSE_MEMBERS))
    given = _with_filter(_given(body))
    ids, rebill, dry_run = _ids_of(given), _flag(given, "rebill"), _flag(given, "dry_run")
    limit, texts = _limit_of(given), _texts(given)
    note, origin = _note_of(texts), texts.pop("from", None)
    mapping_version = texts.pop("mapping_version", None)
    if origin is not None and not rebill:
        raise FilterInvalid("from names what to bill instead; add rebill: true")
    return ReverseRequest(
        where=ChargeFilter.parse(texts, zone, ids=ids),
        rebill=rebill,
        origin=origin,
        dry_run=dry_run,
        note=note,
        limit=limit,
        mapping_version=mapping_version,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinstateRequest:
    """Which reversals by hand are to be taken back."""

    ids: tuple[str, ...]
    dry_run: bool
    note: str | None


#: The members of a reinstatement.
REINSTATE_MEMBERS = ("ids", "note", "dry_run")


async def read_reinstate(request: Request) -> ReinstateRequest:
    """The body of `POST /api/reinstatements`."""
    body = await _json_object(request)
    check_names(body, REINSTATE_MEMBERS)
    given = _given(body)
    ids, dry_run = _ids_of(given), _flag(given, "dry_run")
    if ids is None:
        raise FilterInvalid("ids is missing; name what to reinstate")
    return ReinstateRequest(
        ids=check_ids(ids, "charges"), dry_run=dry_run, note=_note_of(_texts(given))
    )


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are not null."""
    return {name: value for name, value in body.items() if value is not None}


def _with_filter(given: dict[str, Any]) -> dict[str, Any]:
    """The members with those of `filter` beside them."""
    nested = given.pop("filter", {})
    if not isinstance(nested, dict):
        raise FilterInvalid(f"filter is {_shown(nested)}; give an object")
    check_names(nested, ChargeFilter.model_fields)
    for name in nested:
        if name in given:
            raise FilterInvalid(f"{name} is given twice; give it once")
    return given | _given(nested)


def _flag(given: dict[str, Any], name: str) -> bool:
    value = given.pop(name, False)
    if not isinstance(value, bool):
        raise FilterInvalid(f"{name} is {_shown(value)}; give true or false")
    return value


def _limit_of(given: dict[str, Any]) -> int | None:
    limit = given.pop("limit", None)
    if limit is not None and not _is_count(limit):
        raise FilterInvalid(f"limit is {_shown(limit)}; give a whole number from 1")
    return None if limit is None else int(limit)


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    for name, value in given.items():
        if not isinstance(value, str):
            raise FilterInvalid(f"{name} is {_shown(value)}; give text")
    return dict(given)


def _note_of(texts: dict[str, str]) -> str | None:
    note = texts.pop("note", None)
    if note is not None:
        check_text("note", note)
    return note


def _is_count(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 1 <= given < MAX_LIMIT


def _ids_of(given: dict[str, Any]) -> list[str] | None:
    ids = given.pop("ids", None)
    if ids is None:
        return None
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise FilterInvalid(f"ids is {_shown(ids)}; give a list of ids")
    if not ids:
        raise FilterInvalid("ids is an empty list; name what is meant, or leave it out")
    return ids


async def _json_object(request: Request) -> Mapping[str, Any]:
    raw = await _body(request)
    try:
        body = json.loads(raw, object_pairs_hook=unique_keys) if raw.strip() else {}
    except DuplicateKey as error:
        raise FilterInvalid(f"{error.key[:80]!r} is given twice; give it once") from None
    except (ValueError, RecursionError):
        raise FilterInvalid(f"the body is no JSON; {_SEND}") from None
    if not isinstance(body, dict):
        raise FilterInvalid(f"the body is no JSON object; {_SEND}")
    return body


async def _body(request: Request) -> bytes:
    reader = BodyReader(request.receive)
    try:
        with Budget(MAX_BODY_BYTES).reserve() as reservation:
            return await reader.read(MAX_BODY_BYTES, BODY_SECONDS, reservation)
    except BodyTooLarge:
        detail = f"the body has more than {MAX_BODY_BYTES} bytes"
        raise ApiError(413, "too-large", detail) from None
    except TimeoutError:
        raise ApiError(408, "too-slow", "the body did not arrive in time") from None
    except Disconnected:
        raise ApiError(400, "disconnected", "the body is not whole") from None


def _shown(value: Any) -> str:
    return json.dumps(value)[:80]
