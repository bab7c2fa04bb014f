"""A list of the API as CSV, streamed: a page is read, sent, and let go before the next.

Owns how a caller asks for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from jobs.common.errors import FilterInvalid
from jobs.common.timestamps import in_utc
from jobs.filters import BillingFilter
from jobs.queries.ledger.billing_events import BillingEventPage, all_billing_events
from jobs.queries.ledger.export import csv_header, csv_lines
from jobs.storage.database import Database

FORMATS = ("json", "csv")
MEDIA_TYPE = "text/csv"


def wants_csv(request: Request, asked: str | None) -> bool:
    """Whether `format`, or else the header `Accept`, asks for CSV. Raises FilterInvalid."""
    if asked is not None:
        if asked not in FORMATS:
            raise FilterInvalid(f"format is {asked[:80]!r}; choose from {', '.join(FORMATS)}")
        return asked == "csv"
    ranges = [text.partition(";") for text in request.headers.get("accept", "").split(",")]
    return any(
        media.strip().lower() == MEDIA_TYPE and "q=0" not in "".join(parameters.split()).split(";")
        for media, _, parameters in ranges
    )


async def csv_of(
    database: Database, where: BillingFilter, *, limit: int | None, cursor: str | None
) -> Response:
    """All billing events that fit; as many as `limit` names where it is given."""
    pages = all_billing_events(database, where, limit=limit, cursor=cursor)
    # Read before anything is sent: what is wrong with the request is answered as an error.
    first = await anext(pages)

    async def lines() -> AsyncIterator[str]:
        yield csv_header() + csv_lines(first)
        async for items in pages:
            yield csv_lines(items)

    headers = {"Content-Disposition": 'attachment; filename="billing-events.csv"'}
    return StreamingResponse(lines(), media_type=MEDIA_TYPE, headers=headers)


def csv_page(page: BillingEventPage) -> Response:
    """A page that was read forwards; its cursor and its horizon are in the headers."""
    headers = {"X-Next": str(page.next)}
    if page.complete_until is not None:
        headers["X-Complete-Until"] = in_utc(page.complete_until)
    return Response(csv_header() + csv_lines(page.items), media_type=MEDIA_TYPE, headers=headers)
