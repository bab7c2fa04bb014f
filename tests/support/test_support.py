from __future__ import annotations

import asyncpg
import pytest
import redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support.postgres import Postgres
from tests.support.valkey import Valkey


async def test_a_database_is_empty_and_of_this_test(database_url: str) -> None:
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("create table claimed (n integer)"))
    await engine.dispose()


def test_postgres_recovers_from_a_crash(postgres: Postgres) -> None:
    name = postgres.create()
    postgres.sql(name, "create table kept (n integer); insert into kept values (7)")
    postgres.restart()
    assert postgres.sql(name, "select n from kept") == "7"
    postgres.drop(name)


async def test_a_dropped_database_is_gone(postgres: Postgres) -> None:
    name = postgres.create()
    postgres.drop(name)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(postgres.url(name).replace("+asyncpg", ""))


def test_valkey_loses_everything_when_killed_or_flushed(valkey: Valkey) -> None:
    client = valkey.client()
    for lose in (valkey.restart, valkey.flush):
        client.set("a", "b")
        lose()
        assert client.get("a") is None


def test_a_frozen_valkey_answers_nothing_until_thawed(valkey: Valkey) -> None:
    valkey.freeze()
    with pytest.raises(redis.TimeoutError):
        redis.Redis.from_url(valkey.url, socket_timeout=0.2).ping()
    valkey.thaw()
    assert valkey.client().ping()
