"""A call of the API: how it is declared, and what one passes in its path and query, checked.

Owns that every parameter is known and given once; FilterInvalid names the one that is not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobs.common.errors import FilterInvalid
from jobs.common.parsing import can_be_stored, check_names, parse_whole_number
from jobs.filters import Filter
from jobs.queries.identification import IdKind, whole_id
from jobs.queries.shape import Page, Shape
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT
from receiver.api.answers import not_found, shape
from receiver.api.dependencies import Dependencies, dependencies_of
from receiver.api.filter_names import refuse_misspelt

F = TypeVar("F", bound=Filter)
T = TypeVar("T")

#: What a call answers: an object, a list that is never longer than a page, or a whole response.
Answer = BaseModel | Sequence[Shape] | dict[str, Any] | Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call. `gives` has the record of each success.

    The query takes the members of `filter` and what `takes` names. `members` are those of a JSON
    body, None where there is no body.
    """

    path: str
    answered_by: Callable[[Call[Any]], Awaitable[Answer]]
    summary: str
    gives: Mapping[int, Any]
    method: Literal["GET", "POST"] = "GET"
    filter: type[Filter] | None = None
    takes: tuple[str, ...] = ()
    members: tuple[str, ...] | None = None
    #: Other media types in which a success may come.
    also: tuple[str, ...] = ()
    #: What its parameters are that mean something else in other calls.
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Whether something that is named may not exist.
    may_miss: bool = False
    #: Whether the caller may name mappings that are no longer in force.
    may_conflict: bool = False

    @property
    def query_names(self) -> tuple[str, ...]:
        """All parameters of the query."""
        return (*(self.filter.model_fields if self.filter else ()), *self.takes)

    async def answer(self, request: Request) -> Response:
        """Answer one call; raises what `receiver.api.answers` has a handler for."""
        answer = await self.answered_by(await self._call(request))
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, BaseModel):
            return shape(answer)
        if isinstance(answer, dict):
            return JSONResponse(answer)
        return shape(Page[Any](items=tuple(answer), next=None))

    async def _call(self, request: Request) -> Call[Any]:
        given = _once(request, self.query_names)
        dependencies = dependencies_of(request)
        where = None
        if self.filter is not None:
            named = {name: given.pop(name) for name in self.filter.model_fields if name in given}
            where = self.filter.parse(named, dependencies.zone)
            await refuse_misspelt(dependencies.database, where, dependencies.mappings())
        limit = parse_whole_number("limit", given["limit"]) if "limit" in given else None
        return Call(
            request=request,
            operation=self,
            dependencies=dependencies,
            where=where,
            params=given,
            named_limit=limit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[F]):
    """One call as it came: `params` are those of the query beside the filter."""

    request: Request
    operation: Operation
    dependencies: Dependencies
    where: F
    params: Mapping[str, str]
    named_limit: int | None

    @property
    def database(self) -> Database:
        return self.dependencies.database

    @property
    def limit(self) -> int:
        """How many items a page of a list is to have."""
        return DEFAULT_LIMIT if self.named_limit is None else self.named_limit

    @property
    def cursor(self) -> str | None:
        """Where the page begins; None: at the first item."""
        return self.params.get("cursor")

    async def read(self, kind: IdKind, read: Callable[[Database, str], Awaitable[T | None]]) -> T:
        """What has the id in the path, or the id that it is the start of; 404 without one."""
        given = str(self.request.path_params[f"{kind.replace(' ', '_')}_id"])
        if not can_be_stored(given):
            raise not_found(kind, given)
        whole = await whole_id(self.database, given, {kind})
        record = await read(self.database, whole)
        if record is None:
            raise not_found(kind, whole)
        return record


def _once(request: Request, known: Sequence[str]) -> dict[str, str]:
    """The query's parameters."""
    check_names(request.query_params.keys(), known)
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise FilterInvalid(f"{name} is given twice; give it once")
        given[name] = value
    return given
