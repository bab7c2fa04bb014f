from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from jobs.corrections.remapper import Remapper
from jobs.corrections.request import CorrectionRequest
from jobs.corrections.runner import correct
from jobs.filters import ChargeFilter, DeliveryFilter
from jobs.replays.replay import discard
from jobs.storage.schema import billing_events
from tests.jobs.conftest import make_tables
from tests.jobs.doubles import FakeMappings, bill, body, mapping_set, needing, restore, undo
from tests.jobs.workshop import Workshop
from tests.support.postgres import Postgres

DAY = datetime(2026, 3, 1, tzinfo=UTC)
#: What guards a SQLite table against a hand; on PostgreSQL a session may ask them to look away.
TRIGGERS = [
    f"{table}_no_{verb}"
    for table in ("billing_events", "outcomes", "intake", "actions")
    for verb in ("update", "delete")
]


def hour(number: int) -> datetime:
    return DAY + timedelta(hours=number)


async def by_hand(workshop: Workshop, *statements: str, **values: object) -> None:
    """Change rows as a person with a database client might: no trigger and no key is in the way."""
    async with workshop.database.engine.connect() as connection:
        if workshop.database.is_sqlite:
            await connection.exec_driver_sql("COMMIT")  # foreign keys are switched outside
            await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            for trigger in TRIGGERS:
                await connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
        else:
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            names = {name for name in values if f":{name}" in statement}
            await connection.execute(text(statement), {name: values[name] for name in names})
        await connection.commit()
        if workshop.database.is_sqlite:
            await connection.exec_driver_sql("COMMIT")
            await connection.exec_driver_sql("PRAGMA foreign_keys=ON")
            await connection.exec_driver_sql("BEGIN")


async def work_busily(workshop: Workshop) -> FakeMappings:
    """All that a database sees: every verdict, prices that change, failures, replays, discards."""
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    contents = [
        body(bill("plain")),
        body(bill("again", at=hour(2)), bill("plain-2")),
        body(bill("again", at=hour(3), micros=1_100_000)),  # a duplicate
        body(bill("again", at=hour(3), micros=1_100_000)),
        body(undo("again", at=hour(2))),  # reverses the first; the second is owed
        body(bill("again", at=hour(1), micros=500_000)),  # superseded
        body(bill("dearer", at=hour(5), micros=2_000_000)),
        body(bill("dearer", at=hour(4), micros=1_000_000)),  # the earlier price counts
        body(undo("alone", at=hour(1))),  # waits for its charge
        body(bill("alone", at=hour(2))),
        body(bill("back", at=hour(1)), undo("back", at=hour(2))),
        body(restore("back", at=hour(3))),
        body(undo("gone")),
        body(bill("gone")),
        body(bill("clash"), bill("clash", customer="another")),  # fails, bills neither
        body(bill("held"), needing("a price", bill("needy"))),
        body(needing("nothing", bill("never"))),
        body(),
        body(bill("shadowed"), shadow=True),
    ]
    ids = [id_ for content in contents for id_ in await workshop.post(content)]
    for one in ids[:14]:  # each in its turn: what is settled together is taken in order of time
        await settler.settle([one])
    await settler.settle(ids)
    fake.knows.add("a price")
    await workshop.replay(settler, fake, DeliveryFilter(reason="unpriced"))
    fake.micros = 3_000_000
    await workshop.replay(settler, fake, DeliveryFilter(state="recorded"))
    await workshop.replay(settler, fake, DeliveryFilter(state="ignored"))
    for key, remapper in {"plain-2": None, "held": Remapper(mapping_set(fake))}.items():
        (charge,) = await workshop.all(
            select(billing_events.c.id).where(billing_events.c.outcome_key == key)
        )
        request = CorrectionRequest(where=ChargeFilter(ids=(charge.id,)), remapper=remapper)
        done = await correct(workshop.database, request, actor="me", note="a test")
        assert done.corrected == 1
    where = DeliveryFilter(reason="unpriced")
    await discard(workshop.database, where, actor="me", note="test data")
    return fake


@pytest.fixture(scope="session")
def busy_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database after a busy run, to be copied."""
    path = tmp_path_factory.mktemp("busy") / "receiver.db"
    shutil.copy(sqlite_template, path)
    asyncio.run(_fill(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def busy_postgres(postgres: Postgres) -> str:
    """The name of a PostgreSQL database after a busy run, to be copied."""
    name = postgres.create()
    asyncio.run(make_tables(postgres.url(name)))
    asyncio.run(_fill(postgres.url(name)))
    return name


async def _fill(url: str) -> None:
    async with Workshop(url) as workshop:
        await work_busily(workshop)


@pytest.fixture
async def busy_on_sqlite(busy_sqlite: Path, tmp_path: Path) -> AsyncIterator[Workshop]:
    shutil.copy(busy_sqlite, tmp_path / "receiver.db")
    async with Workshop(f"sqlite+aiosqlite:///{tmp_path / 'receiver.db'}") as workshop:
        yield workshop


@pytest.fixture
async def busy_on_postgres(postgres: Postgres, busy_postgres: str) -> AsyncIterator[Workshop]:
    name = postgres.create(template=busy_postgres)
    async with Workshop(postgres.url(name)) as workshop:
        yield workshop
    postgres.drop(name)


@pytest.fixture(params=["busy_on_sqlite", "busy_on_postgres"], ids=["sqlite", "postgres"])
def busy(request: pytest.FixtureRequest) -> Workshop:
    """A database after a busy run, still in use."""
    workshop: Workshop = request.getfixturevalue(request.param)
    return workshop
