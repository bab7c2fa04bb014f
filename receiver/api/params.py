"""What a caller passes in the path and the query string, checked.

Owns that every parameter is known and given once; FilterInvalid names the one that is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request

from jobs.common.errors import FilterInvalid
from jobs.common.parsing import (
    can_be_stored,
    check_names,
    parse_whole_number,
)
from jobs.storage.keyset import DEFAULT_LIMIT
from receiver.api.answers import not_found


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which piece of a list is asked for; `is_limited` where the caller named a limit."""

    limit: int
    cursor: str | None
    is_limited: bool = False


def query(request: Request, known: Iterable[str], *, paged: bool = True) -> dict[str, str]:
    """The query's parameters, without those of `page_of`."""
    paging = ("limit", "cursor") if paged else ()
    given: dict[str, str] = {}
    check_names(request.query_params.keys(), (*known, *paging))
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


def page_of(request: Request) -> PageRequest:
    """`limit` and `cursor`."""
    limit = request.query_params.get("limit")
    return PageRequest(
        limit=DEFAULT_LIMIT if limit is None else parse_whole_number("limit", limit),
        cursor=request.query_params.get("cursor"),
        is_limited=limit is not None,
    )
