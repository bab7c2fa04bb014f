"""Show deliveries as they settle, and rejected requests, until Ctrl-C."""

from __future__ import annotations

import asyncio
import io
import sys
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import typer

from jobs.filters import DeliveryFilter
from receiver.cli.common import options as arg
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.filters import refuse_misspelt
from receiver.cli.common.session import Session
from receiver.config.reading import load_settings
from receiver.feed.feeds import ApiFeed, DatabaseFeed, Feed, open_api
from receiver.feed.follow import follow
from receiver.feed.lines import Shown, json_of, line_of
from receiver.terminal.output import Output

EXAMPLES = (
    "receiver tail --source zendesk",
    "receiver tail --url https://hooks.example.com --json",
)


def tail(
    *,
    url: Annotated[
        str | None,
        typer.Option(
            help="Another service, by its API; its token is RECEIVER_ADMIN_TOKEN.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON document on each line.")] = False,
    **given: arg.FeedFilter,
) -> None:
    """Print what comes until a signal. CommandError if reading is refused."""
    out = Output(as_json=as_json)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a reader of the pipe gets each line at once
    if url is None:
        session = Session()
        where = DeliveryFilter.parse(given, session.zone)
        refuse_misspelt(session, where)
        session.run(lambda database: _follow(DatabaseFeed(database), where, out))
    else:
        zone = ZoneInfo(load_settings().timezone_name)
        asyncio.run(_follow_api(url, _token(), DeliveryFilter.parse(given, zone), out))


async def _follow_api(url: str, token: str, where: DeliveryFilter, out: Output) -> None:
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise CommandError(f"--url is {url!r}; write https://HOST", code=MISUSE)
    async with open_api(url, token) as client:
        await _follow(ApiFeed(client), where, out)


async def _follow(feed: Feed, where: DeliveryFilter, out: Output) -> None:
    """Print each delivery and rejection: a line, or with `--json` a document on a line."""

    def show(shown: Shown) -> None:
        if out.as_json:
            out.json_line(json_of(shown))
        else:
            out.line(line_of(shown))

    def on_away(why: str) -> None:
        out.say(f"no answer ({why}); trying again, nothing is lost")

    await follow(feed, where, show, on_away=on_away)


def _token() -> str:
    token = load_settings().admin_token
    if token is None:
        raise CommandError("set RECEIVER_ADMIN_TOKEN to the token of that service", code=MISUSE)
    return token
