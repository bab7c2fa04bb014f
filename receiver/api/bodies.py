"""The JSON body of each command, checked: replay, discard, reverse, reinstate.

Owns that every member is known, given once and of its type; FilterInvalid names the one that is
not and what to write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from starlette.requests import Request

from jobs.common.errors import FilterInvalid
from jobs.common.parsing import check_names, check_text
from jobs.filters import Filter
from mappings.engine.payload.jsontext import DuplicateKey, unique_keys
from receiver.api.call import Call
from receiver.web.body import BodyReader, BodyTooLarge, Disconnected
from receiver.web.body_budget import Budget
from receiver.web.errors import HTTPError

F = TypeVar("F", bound=Filter)

MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 30.0
#: More than a database can count to is a mistake.
MAX_LIMIT = 10**18
_SEND = 'send an object such as {"reason": "unpriced"}'


#: What a command has besides its filter.
COMMAND_MEMBERS = ("dry_run", "note", "limit")
#: What a replay has besides that.
REPLAY_MEMBERS = (*COMMAND_MEMBERS, "mapping_version")
#: What a reversal has besides its filter, which stands in `filter` or beside these.
REVERSE_MEMBERS = ("filter", "rebill", "from", *COMMAND_MEMBERS, "mapping_version")
#: The members of a reinstatement.
REINSTATE_MEMBERS = ("ids", "note", "dry_run")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRequest(Generic[F]):
    """What a command is to take, and how. `origin` is the delivery to rebill from."""

    where: F
    dry_run: bool = False
    note: str | None = None
    limit: int | None = None
    mapping_version: str | None = None
    rebill: bool = False
    origin: str | None = None


async def read_command(call: Call[Any], filter_: type[F]) -> CommandRequest[F]:
    """The body of a POST, of which `filter_` are the members that select; raises FilterInvalid."""
    body = await _json_object(call.request)
    check_names(body, call.operation.members or ())
    given = _with_filter(_given(body), filter_)
    for name, value in given.items():
        _check(name, value)
    options = {
        option: given.pop(name)
        for name, option in _OPTIONS.items()
        if name in given and name not in filter_.model_fields
    }
    check_text("note", options.get("note", ""))
    if "origin" in options and not options.get("rebill"):
        raise FilterInvalid("from names what to bill instead; add rebill: true")
    ids = given.pop("ids", None)
    where = filter_.parse(given, call.dependencies.zone, ids=ids)
    return CommandRequest(where=where, **options)


#: The members that are no filter, and what they are called here.
_OPTIONS = {
    **{name: name for name in ("dry_run", "note", "limit", "mapping_version", "rebill")},
    "from": "origin",
}


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are not null."""
    return {name: value for name, value in body.items() if value is not None}


def _with_filter(given: dict[str, Any], filter_: type[Filter]) -> dict[str, Any]:
    """The members with those of `filter` beside them."""
    nested = given.pop("filter", {})
    if not isinstance(nested, dict):
        raise FilterInvalid(f"filter is {_shown(nested)}; give an object")
    check_names(nested, filter_.model_fields)
    for name in nested:
        if name in given:
            raise FilterInvalid(f"{name} is given twice; give it once")
    return given | _given(nested)


def _check(name: str, value: Any) -> None:
    """Raise FilterInvalid unless the member has its type."""
    if name in ("dry_run", "rebill"):
        fits, wanted = isinstance(value, bool), "true or false"
    elif name == "limit":
        # True is an int to Python, and no number to a caller.
        fits, wanted = type(value) is int and 1 <= value < MAX_LIMIT, "a whole number from 1"
    elif name == "ids":
        is_list = isinstance(value, list)
        fits, wanted = is_list and all(isinstance(id_, str) for id_ in value), "a list of ids"
    else:
        fits, wanted = isinstance(value, str), "text"
    if not fits:
        raise FilterInvalid(f"{name} is {_shown(value)}; give {wanted}")
    if value == []:
        raise FilterInvalid("ids is an empty list; name what is meant, or leave it out")


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
        raise HTTPError(413, "too-large", detail) from None
    except TimeoutError:
        raise HTTPError(408, "too-slow", "the body did not arrive in time") from None
    except Disconnected:
        raise HTTPError(400, "disconnected", "the body is not whole") from None


def _shown(value: Any) -> str:
    return json.dumps(value)[:80]
