"""A web process: accepts 40 deliveries, three copies of each, and prints what it answered."""

from __future__ import annotations

import asyncio
import json
import sys

from jobs.intake.group_commit import Inbox
from jobs.storage.database import open_database
from tests.jobs.doubles import incoming


async def main(url: str) -> None:
    database = open_database(url)
    inbox = Inbox(database, lambda _: None)
    await inbox.start()
    posts = [incoming(vendor_id=f"evt-{number}") for number in range(40)]
    accepted = await asyncio.gather(*(inbox.accept(post) for post in posts * 3))
    print(json.dumps([(one.delivery_id, one.duplicate) for one in accepted]))
    await inbox.close()
    await database.close()


asyncio.run(main(sys.argv[1]))
