"""Where deliveries are read from: the database of this service, or the API of another one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import httpx

from jobs.common.errors import JobsError
from jobs.filters import BillingFilter, DeliveryFilter, Filter, RejectionFilter
from jobs.queries.deliveries.evidence import DeliveryEvidence, read_delivery
from jobs.queries.deliveries.listing import DeliveryItem, list_deliveries
from jobs.queries.ledger.billing_events import BillingEventItem, list_billing_events
from jobs.queries.shape import Page
from jobs.queries.sources.rejections import RejectionItem, list_rejections
from jobs.storage.database import Database
from jobs.storage.keyset import MAX_LIMIT

TIMEOUT_SECONDS = 30.0
T = TypeVar("T")


class FeedRefused(JobsError):
    """The service answers and does not let this caller read; trying again does not help."""


@dataclass(frozen=True, slots=True)
class _List(Generic[T]):
    """A list of the service: how the database reads a page, and where the API has it."""

    read: Callable[..., Awaitable[Page[T]]]
    path: str
    page: type[Page[T]]


_DELIVERIES = _List(list_deliveries, "/api/deliveries", Page[DeliveryItem])
_REJECTIONS = _List(list_rejections, "/api/rejections", Page[RejectionItem])
_BILLING_EVENTS = _List(list_billing_events, "/api/billing-events", Page[BillingEventItem])


class Feed(ABC):
    """What `follow` reads. Raises a transient error if the service does not answer."""

    async def deliveries(
        self, where: DeliveryFilter, *, limit: int | None = None
    ) -> list[DeliveryItem]:
        """All deliveries that match, newest first; the newest `limit` if one is given."""
        items: list[DeliveryItem] = []
        cursor = None
        while True:
            page = await self._page(_DELIVERIES, where, limit=limit or MAX_LIMIT, cursor=cursor)
            items += page.items
            cursor = page.next
            if cursor is None or limit is not None:
                return items

    async def rejections(
        self, where: RejectionFilter, *, limit: int = MAX_LIMIT
    ) -> tuple[RejectionItem, ...]:
        """The newest rejected requests."""
        return (await self._page(_REJECTIONS, where, limit=limit)).items

    async def billing_events(
        self, where: BillingFilter, *, limit: int = MAX_LIMIT
    ) -> tuple[BillingEventItem, ...]:
        """The billing events recorded last, newest first."""
        return (await self._page(_BILLING_EVENTS, where, limit=limit)).items

    @abstractmethod
    async def delivery(self, delivery_id: str) -> DeliveryEvidence | None:
        """The delivery with its outcomes; None if it is gone."""

    @abstractmethod
    async def _page(
        self, which: _List[T], where: Filter, *, limit: int, cursor: str | None = None
    ) -> Page[T]:
        """A page of the list."""


class DatabaseFeed(Feed):
    """Deliveries of the service that uses this database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def delivery(self, delivery_id: str) -> DeliveryEvidence | None:
        return await read_delivery(self._database, delivery_id)

    async def _page(
        self, which: _List[T], where: Filter, *, limit: int, cursor: str | None = None
    ) -> Page[T]:
        return await which.read(self._database, where, limit=limit, cursor=cursor)


class ApiFeed(Feed):
    """Deliveries of the service at a URL, by its API."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def delivery(self, delivery_id: str) -> DeliveryEvidence | None:
        response = await self._client.get(f"/api/deliveries/{delivery_id}")
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        return DeliveryEvidence.model_validate_json(_checked(response).content)

    async def _page(
        self, which: _List[T], where: Filter, *, limit: int, cursor: str | None = None
    ) -> Page[T]:
        parameters: dict[str, Any] = {**where.as_json(), "limit": limit}
        if "ids" in parameters:
            parameters["ids"] = ",".join(parameters["ids"])
        if cursor is not None:
            parameters["cursor"] = cursor
        response = await self._client.get(which.path, params=parameters)
        return which.page.model_validate_json(_checked(response).content)


def open_api(url: str, token: str, *, trust_env: bool = True) -> httpx.AsyncClient:
    """A client of the API at a service's URL; with `trust_env` by the environment's proxy."""
    return httpx.AsyncClient(
        base_url=url.rstrip("/"),
        headers={"authorization": f"Bearer {token}"},
        timeout=TIMEOUT_SECONDS,
        trust_env=trust_env,
    )


def _checked(response: httpx.Response) -> httpx.Response:
    """The response; raises FeedRefused if trying again is useless, else HTTPStatusError."""
    url = f"{response.request.url.scheme}://{response.request.url.netloc.decode()}"
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        raise FeedRefused(f"{url} refuses the token; set RECEIVER_ADMIN_TOKEN to the one it has")
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise FeedRefused(f"there is no API at {url}; is RECEIVER_ADMIN_TOKEN set there?")
    if response.status_code == HTTPStatus.BAD_REQUEST:
        raise FeedRefused(str(response.json().get("detail", response.text)))
    return response.raise_for_status()
