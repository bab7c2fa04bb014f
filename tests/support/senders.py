"""Senders that post more than one request: all at once, or as a vendor would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from tests.support.processes import wait_until
from tests.support.vendors import Post


async def post_at_once(urls: Sequence[str], posts: Sequence[Post]) -> list[httpx.Response]:
    """All answers, in the order of the posts, which are spread over the web processes."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        calls = (
            client.post(urls[n % len(urls)] + post.path, content=post.body, headers=post.headers)
            for n, post in enumerate(posts)
        )
        return await asyncio.gather(*calls)


@dataclass
class Vendor:
    """Sends each post again until it hears a 2xx, as vendors do (with less patience).

    `url` is asked at each try, so that it may move. `acknowledged` has the delivery id of each
    post that was; `tries` counts all requests.
    """

    url: Callable[[], str]
    concurrency: int = 20
    pause_seconds: float = 0.05
    acknowledged: dict[int, str] = field(default_factory=dict)
    tries: int = 0

    @contextlib.contextmanager
    def sending(self, posts: Iterable[Post], *, first: int = 0) -> Iterator[None]:
        """Send in the background while inside; leave when every post was acknowledged.

        They are numbered from `first`.
        """
        with ThreadPoolExecutor(max_workers=1) as background:
            sent = background.submit(asyncio.run, self._send(posts, first))
            yield
            sent.result()

    def wait_for(self, acknowledged: int) -> None:
        """Return once that many were acknowledged."""
        wait_until(lambda: len(self.acknowledged) >= acknowledged, what="acknowledging")

    async def _send(self, posts: Iterable[Post], first: int) -> None:
        waiting = asyncio.Queue[tuple[int, Post]]()
        for numbered in enumerate(posts, first):
            waiting.put_nowait(numbered)
        async with (
            httpx.AsyncClient(trust_env=False, timeout=5) as client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(self.concurrency):
                group.create_task(self._work_off(client, waiting))

    async def _work_off(
        self, client: httpx.AsyncClient, waiting: asyncio.Queue[tuple[int, Post]]
    ) -> None:
        while not waiting.empty():
            number, post = waiting.get_nowait()
            while number not in self.acknowledged:
                self.tries += 1
                with contextlib.suppress(httpx.TransportError):
                    url = self.url() + post.path
                    answer = await client.post(url, content=post.body, headers=post.headers)
                    if answer.is_success:
                        self.acknowledged[number] = answer.json()["delivery"]
                        break
                await asyncio.sleep(self.pause_seconds)
