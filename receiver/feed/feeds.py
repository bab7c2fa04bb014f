"""Where deliveries are read from: the database of this service, or the API of another one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

import httpx
from pydantic import BaseModel

from jobs.common.errors import JobsError
from jobs.filters import BillingFilter, DeliveryFilter, RejectionFilter
from jobs.queries.deliveries.evidence import DeliveryEvidence, read_delivery
from jobs.queries.deliveries.listing import DeliveryItem, list_deliveries
from jobs.queries.ledger.billing_events import BillingEventItem, list_billing_events
from jobs.queries.shape import Page
from jobs.queries.sources.rejections import RejectionItem, list_rejections
from jobs.storage.database import Database
from jobs.storage.keyset import MAX_LIMIT

TIMEOUT_SECONDS = 30.0
S = TypeVar("S", bound=BaseModel)


class FeedRefused(JobsError):
    """The service answers and does not let this caller read; trying again does not help."""


class Feed(Protocol):
    """What `follow` asks. Raises what is transient where the service does not answer."""

    async def deliveries(
        self,
        *,
        source: str | None,
        since: datetime | None,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[DeliveryItem]:
        """All deliveries that fit, newest first; the newest `limit` where one is given."""

    async def delivery(self, delivery_id: str) -> DeliveryEvidence | None:
        """One delivery with its outcomes; None where it is gone."""

    async def rejections(
        self, *, source: str | None, since: datetime | None, limit: int = MAX_LIMIT
    ) -> list[RejectionItem]:
        """The newest requests that were not taken."""

    async def lines(
        self, *, source: str | None, recorded_since: datetime | None, limit: int = MAX_LIMIT
    ) -> list[BillingEventItem]:
        """The billing events recorded last, newest first."""


class DatabaseFeed:
    """Deliveries of the service whose database this is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def deliveries(
        self,
        *,
        source: str | None,
        since: datetime | None,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[DeliveryItem]:
        where = DeliveryFilter(source=source, since=since, ids=None if ids is None else tuple(ids))
        found: list[DeliveryItem] = []
        cursor = None
        while True:
            page = await list_deliveries(
                self._database, where, limit=limit or MAX_LIMIT, cursor=cursor
            )
            found += page.items
            cursor = page.next
            if cursor is None or limit is not None:
                return found

    async def delivery(self, delivery_id: str) -> DeliveryEvidence | None:
        return await read_delivery(self._database, delivery_id)

    async def rejections(
        self, *, source: str | None, since: datetime | None, limit: int = MAX_LIMIT
    ) -> list[RejectionItem]:
        where = RejectionFilter(source=source, since=since)
        return list((await list_rejections(self._database, where, limit=limit)).items)

    async def lines(
        self, *, source: str | None, recorded_since: datetime | None, limit: int = MAX_LIMIT
    ) -> list[BillingEventItem]:
        where = BillingFilter(source=source, recorded_since=recorded_since)
        return list((await list_billing_events(self._database, where, limit=limit)).items)


class ApiFeed:
    """Deliveries of the service at a URL, by its API."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def deliveries(
        self,
        *,
        source: str | None,
        since: datetime | None,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[DeliveryItem]:
        given = {
            "source": source,
            "since": since and since.isoformat(),
            "limit": limit or MAX_LIMIT,
        }
        if ids is not None:
            given["ids"] = ",".join(ids)
        found: list[DeliveryItem] = []
        while True:
            page = await self._get("/api/deliveries", given, Page[DeliveryItem])
            found += page.items
            if page.next is None or limit is not None:
                return found
            given["cursor"] = page.next

    async def delivery(self, delivery_id: str) -> DeliveryEvidence | None:
        answer = await self._ask(f"/api/deliveries/{delivery_id}", {})
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return DeliveryEvidence.model_validate_json(_good(answer).content)

    async def rejections(
        self, *, source: str | None, since: datetime | None, limit: int = MAX_LIMIT
    ) -> list[RejectionItem]:
        given = {"source": source, "since": since and since.isoformat(), "limit": limit}
        return list((await self._get("/api/rejections", given, Page[RejectionItem])).items)

    async def lines(
        self, *, source: str | None, recorded_since: datetime | None, limit: int = MAX_LIMIT
    ) -> list[BillingEventItem]:
        since = recorded_since and recorded_since.isoformat()
        given = {"source": source, "recorded_since": since, "limit": limit}
        return list((await self._get("/api/billing-events", given, Page[BillingEventItem])).items)

    async def _get(self, path: str, given: dict[str, Any], form: type[S]) -> S:
        return form.model_validate_json(_good(await self._ask(path, given)).content)

    async def _ask(self, path: str, given: dict[str, Any]) -> httpx.Response:
        named = {name: value for name, value in given.items() if value is not None}
        return await self._client.get(path, params=named)


def open_api(url: str, token: str) -> httpx.AsyncClient:
    """A client of the API at a service's URL."""
    headers = {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url.rstrip("/"), headers=headers, timeout=TIMEOUT_SECONDS)


def _good(answer: httpx.Response) -> httpx.Response:
    """The answer; raises FeedRefused for what stays refused, HTTPStatusError for what may pass."""
    url = f"{answer.request.url.scheme}://{answer.request.url.netloc.decode()}"
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        raise FeedRefused(f"{url} refuses the token; set RECEIVER_ADMIN_TOKEN to the one it has")
    if answer.status_code == HTTPStatus.NOT_FOUND:
        raise FeedRefused(f"there is no API at {url}; is RECEIVER_ADMIN_TOKEN set there?")
    if answer.status_code == HTTPStatus.BAD_REQUEST:
        raise FeedRefused(str(answer.json().get("detail", answer.text)))
    return answer.raise_for_status()
