"""Vendors: they post until they hear a 2xx, some of it twice, at once, late or in a hurry.

Owns retrying and repeating. Writes down all that came back, and nothing else.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx

from tests.chaos.messages import Message
from tests.chaos.record import Record

#: Of all messages: posted again though a 2xx was heard, half of them side by side with the first.
REPEATED = 0.2
LATE_SECONDS = (0.2, 10.0)
#: Tries that hang up before an answer can be there.
HASTY, HASTY_SECONDS = 0.03, 0.05
TIMEOUT_SECONDS = 5.0
#: Between tries: doubled up to the longest, with jitter.
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.2, 3.0
#: At times so many at once.
BURST, BURST_OF = 0.004, 25
#: Messages that are being posted at once, at most: what is away for long is not hammered.
UNDER_WAY = 80
REFUSALS = range(400, 500)


@dataclass
class Vendors:
    """Posts messages at about `rate` a second, spread over the web processes."""

    messages: Iterator[Message]
    urls: Callable[[], list[str]]
    record: Record
    seed: int
    rate: float

    def __post_init__(self) -> None:
        self._pick = random.Random(f"vendors of {self.seed}")
        self._jitter = random.Random()
        self._stopping = asyncio.Event()
        self._slots = asyncio.Semaphore(UNDER_WAY)
        #: Answers that no honest request may get, whatever is broken.
        self.refused: list[str] = []

    def stop(self) -> None:
        """Begin no other message; those begun are posted until they are heard."""
        self._stopping.set()

    async def run(self) -> None:
        """Return when stopped and every message begun was acknowledged."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        async with (
            httpx.AsyncClient(trust_env=False, limits=limits) as client,
            asyncio.TaskGroup() as group,
        ):
            at_once = 0
            while not self._stopping.is_set():
                await self._slots.acquire()
                message = next(self.messages)
                self.record.begins(message)
                group.create_task(self._deliver(client, message, self._copies()))
                at_once = at_once - 1 if at_once else BURST_OF * (self._pick.random() < BURST)
                if not at_once:
                    await self._pause()

    async def _pause(self) -> None:
        pause = self._pick.expovariate(self.rate)
        try:
            await asyncio.wait_for(self._stopping.wait(), pause)
        except TimeoutError:
            return

    def _copies(self) -> list[float]:
        """After how many seconds each copy is posted: always at once, at times again."""
        if self._pick.random() >= REPEATED:
            return [0.0]
        return [0.0, 0.0 if self._pick.random() < 0.5 else self._pick.uniform(*LATE_SECONDS)]

    async def _deliver(
        self, client: httpx.AsyncClient, message: Message, copies: list[float]
    ) -> None:
        try:
            await asyncio.gather(*(self._post(client, message, after) for after in copies))
        finally:
            self._slots.release()

    async def _post(self, client: httpx.AsyncClient, message: Message, after: float) -> None:
        await asyncio.sleep(after)
        retry = RETRY_SECONDS
        while not await self._try(client, message):
            await asyncio.sleep(retry * self._jitter.uniform(0.5, 1.5))
            retry = min(2 * retry, LONGEST_RETRY_SECONDS)

    async def _try(self, client: httpx.AsyncClient, message: Message) -> bool:
        """One request, signed now; whether a 2xx was heard."""
        urls = self.urls()
        if not urls:
            return False
        signed_at = int(time.time())
        post = message.signed(signed_at)
        hasty = self._jitter.random() < HASTY
        self.record.requests += 1
        try:
            answer = await client.post(
                self._jitter.choice(urls) + post.path,
                content=post.body,
                headers=post.headers,
                timeout=HASTY_SECONDS if hasty else TIMEOUT_SECONDS,
            )
        except httpx.TransportError as error:
            self.record.goes_unanswered(message.number, signed_at, type(error).__name__)
            return False
        self.record.statuses[answer.status_code] += 1
        if answer.is_success:
            answered = answer.json()
            accepted = answered["status"] == "accepted"
            self.record.acknowledges(message.number, answered["delivery"], accepted=accepted)
            return True
        if answer.status_code in REFUSALS:
            self.refused.append(
                f"{message.source} was answered {answer.status_code}: {answer.text}"
            )
        self.record.goes_unanswered(message.number, signed_at, str(answer.status_code))
        return False
