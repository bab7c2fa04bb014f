"""Requests that were not taken: a page of them, their counts, and each source's last."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime
from sqlalchemy import func, select

from jobs.filters import RejectionFilter
from jobs.queries.shape import Page, Shape
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT, Keyset
from jobs.storage.schema import rejection_counts, rejections


class RejectionItem(Shape):
    """A request that was not taken; of its headers only the names are known.

    Of those that reached no source, the last of a kind: `count` is how many there were, `path` what
    may be shown of its path, and `remediation` has the URL of the source that was meant.
    """

    id: str
    at: AwareDatetime
    source: str
    cause: str
    detail: str
    remote: str
    header_names: tuple[str, ...]
    body_bytes: int | None
    body_sha256: str | None
    path: str | None
    nearest_source: str | None
    remediation: str | None
    count: int


_NEWEST = Keyset("rejections", rejections.c.at, rejections.c.id)


async def list_rejections(
    database: Database,
    where: RejectionFilter,
    *,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[RejectionItem]:
    """The newest rejections that fit, after `cursor` if given; raises FilterInvalid."""
    query = select(rejections).where(where.where())
    async with database.read() as connection:
        rows, following = await _NEWEST.page(connection, query, limit=limit, cursor=cursor)
    return Page(
        items=tuple(RejectionItem.model_validate(dict(row)) for row in rows), next=following
    )


async def count_rejections(
    database: Database, *, source: str | None = None, cause: str | None = None
) -> dict[str, int]:
    """How many there ever were, by cause, the most first."""
    columns = rejection_counts.c
    number = func.sum(columns.count)
    query = select(columns.cause, number).group_by(columns.cause).order_by(number.desc())
    if source is not None:
        query = query.where(columns.source == source)
    if cause is not None:
        query = query.where(columns.cause == cause)
    async with database.read() as connection:
        return {name: int(total) for name, total in await connection.execute(query)}


async def last_rejections(database: Database) -> dict[str, tuple[datetime, str]]:
    """When each source last had one, and its cause."""
    columns = rejection_counts.c
    query = select(columns.source, columns.last_at, columns.cause).order_by(columns.last_at)
    async with database.read() as connection:
        rows = await connection.execute(query)
        return {source: (at, cause) for source, at, cause in rows}
