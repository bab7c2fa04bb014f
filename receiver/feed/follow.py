"""Which deliveries are new: each is shown once, when it has settled, whatever restarts meanwhile.

One that is settled again, as by a replay, is shown again where that posts a billing event.

Owns the position. What was received is read from a little before the latest that is known, since a
commit may come later than its time; each delivery is known by its id. Refuses to lose any where the
service does not answer for a while, and to grow without bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx

from jobs.common.errors import is_transient
from jobs.common.states import DeliveryState
from jobs.filters import BillingFilter, DeliveryFilter, RejectionFilter
from jobs.queries.deliveries.evidence import DeliveryEvidence
from jobs.queries.deliveries.listing import DeliveryItem
from jobs.queries.ledger.billing_events import BillingEventItem
from jobs.queries.sources.rejections import RejectionItem
from receiver.feed.feeds import Feed
from receiver.feed.lines import Shown

POLL_SECONDS = 0.5
#: A delivery or a line is committed, and a rejection written, at most this long after its time.
DELIVERY_LATE = timedelta(seconds=3)
REJECTION_LATE = timedelta(seconds=10)
#: So many that have not settled are asked for at a time, and so many are waited for at all.
ASKED = 100
MOST_WAITING = 10_000


@dataclass(slots=True)
class Position:
    """What was seen: the latest time, and what lies so near to it that it may be read again."""

    late: timedelta
    latest: datetime | None = None
    near: dict[object, datetime] = field(default_factory=dict)

    @property
    def since(self) -> datetime | None:
        return None if self.latest is None else self.latest - self.late

    def is_new(self, key: object, at: datetime) -> bool:
        """Whether it was not seen before; it is from now on."""
        if key in self.near:
            return False
        self.near[key] = at
        self.latest = at if self.latest is None else max(self.latest, at)
        return True

    def forget(self) -> None:
        """Let go of what will not be read again."""
        since = self.since
        if since is not None:
            self.near = {key: at for key, at in self.near.items() if at >= since}


class Follower:
    """Reads a feed on and on."""

    def __init__(self, feed: Feed, where: DeliveryFilter) -> None:
        self._feed = feed
        self._where = where
        self._deliveries = Position(DELIVERY_LATE)
        self._rejections = Position(REJECTION_LATE)
        self._lines = Position(DELIVERY_LATE)
        self._waiting: dict[str, None] = {}

    async def start(self) -> None:
        """Take what there is now as seen, or all before `since`."""
        source, since = self._where.source, self._where.since
        posted = await self._feed.billing_events(BillingFilter(source=source), limit=1)
        if posted:
            self._lines.latest = posted[0].recorded_at
            for line in await self._read_lines():
                self._lines.is_new(line.id, line.recorded_at)
        if since is not None:
            self._deliveries.latest = since + DELIVERY_LATE
            self._rejections.latest = since + REJECTION_LATE
            return
        newest = await self._feed.deliveries(DeliveryFilter(source=source), limit=1)
        if newest:
            self._deliveries.latest = newest[0].received_at
            for item in await self._read_deliveries():
                self._deliveries.is_new(item.id, item.received_at)
        rejected = await self._feed.rejections(RejectionFilter(source=source), limit=1)
        if rejected:
            self._rejections.latest = rejected[0].at
            for rejection in await self._read_rejections():
                self._rejections.is_new(_key(rejection), rejection.at)

    async def new(self) -> AsyncIterator[Shown]:
        """What has come, or settled, since the last call, the oldest first."""
        for item in reversed(await self._read_deliveries()):
            if self._deliveries.is_new(item.id, item.received_at):
                self._waiting[item.id] = None
        self._deliveries.forget()
        async for evidence in self._settled():
            yield evidence
        async for evidence in self._settled_again():
            yield evidence
        if _includes_rejections(self._where):
            for rejection in reversed(await self._read_rejections()):
                if self._rejections.is_new(_key(rejection), rejection.at):
                    yield rejection
            self._rejections.forget()

    async def _settled(self) -> AsyncIterator[DeliveryEvidence]:
        """Those that waited and have settled. One that has not goes to the end of the line."""
        while len(self._waiting) > MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        asked = list(self._waiting)
        for start in range(0, len(asked), ASKED):
            ids = asked[start : start + ASKED]
            items = await self._feed.deliveries(DeliveryFilter(ids=tuple(ids)))
            for item in sorted(items, key=_order):
                if item.state != DeliveryState.RECEIVED:
                    evidence = await self._feed.delivery(item.id)
                    del self._waiting[item.id]
                    if evidence is not None:
                        self._know_lines(evidence)
                        if _fits(self._where, evidence):
                            yield evidence

    async def _settled_again(self) -> AsyncIterator[DeliveryEvidence]:
        """Those shown before, or received before all this, that have posted a line since."""
        for line in reversed(await self._read_lines()):
            delivery = line.delivery_id
            if delivery is None or delivery in self._waiting:
                continue  # by hand; or it has yet to be shown, with this line
            if not self._lines.is_new(line.id, line.recorded_at):
                continue
            evidence = await self._feed.delivery(delivery)
            if evidence is None or not _is_its_own(line, evidence):
                continue
            self._know_lines(evidence)
            self._deliveries.is_new(evidence.id, evidence.received_at)
            if _fits(self._where, evidence):
                yield evidence
        self._lines.forget()

    def _know_lines(self, evidence: DeliveryEvidence) -> None:
        for line in evidence.billing_events:
            self._lines.is_new(line.id, line.recorded_at)

    async def _read_lines(self) -> Sequence[BillingEventItem]:
        where = BillingFilter(source=self._where.source, recorded_since=self._lines.since)
        return await self._feed.billing_events(where)

    async def _read_deliveries(self) -> Sequence[DeliveryItem]:
        where = DeliveryFilter(source=self._where.source, since=self._deliveries.since)
        return await self._feed.deliveries(where)

    async def _read_rejections(self) -> Sequence[RejectionItem]:
        where = RejectionFilter(source=self._where.source, since=self._rejections.since)
        return await self._feed.rejections(where)


async def follow(
    feed: Feed,
    where: DeliveryFilter,
    show: Callable[[Shown], None],
    *,
    on_away: Callable[[str], None] = lambda _why: None,
    pause: float = POLL_SECONDS,
) -> None:
    """Show what comes, until cancelled. While the service is away, try again and lose nothing.

    `on_away` hears once of each time that it does not answer. Raises FeedRefused.
    """
    follower, has_begun, is_away = Follower(feed, where), False, False
    while True:
        try:
            if not has_begun:
                await follower.start()
                has_begun = True
            async for shown in follower.new():
                show(shown)
            is_away = False
        except Exception as error:
            if not (isinstance(error, httpx.HTTPError) or is_transient(error)):
                raise
            if not is_away:
                on_away(str(error).splitlines()[0] if str(error) else type(error).__name__)
            is_away = True
        await asyncio.sleep(pause)


def _includes_rejections(where: DeliveryFilter) -> bool:
    """Whether rejections match: they have neither state nor reason nor rule."""
    return where.state is None and where.reason is None and where.rule is None


def _fits(where: DeliveryFilter, item: DeliveryEvidence) -> bool:
    """Whether a settled delivery matches. A rule matches if it failed or gave an outcome."""
    rules = {item.rule, *(outcome.rule for outcome in item.outcomes)}
    return (
        where.state in (None, item.state)
        and where.reason in (None, item.reason)
        and (where.rule is None or where.rule in rules)
    )


def _is_its_own(line: BillingEventItem, evidence: DeliveryEvidence) -> bool:
    """Whether settling the delivery posted the line, and no correction by hand."""
    return any(
        outcome.billing_event_id == line.id and outcome.action_id is None
        for outcome in evidence.outcomes
    )


def _key(rejection: RejectionItem) -> tuple[str, datetime]:
    """Of those that are kept as one, each time that there was one more."""
    return rejection.id, rejection.at


def _order(item: DeliveryItem) -> tuple[datetime, str]:
    return item.settled_at or item.received_at, item.id
