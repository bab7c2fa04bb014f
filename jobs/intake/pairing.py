"""Pairing windows and the secrets received through them, stored where every web process sees them.

Owns that a secret is accepted once, in an open window, from a sender who knows the window's
one-time token, and that it replaces no secret in use unless the operator allowed it. Refuses to
store the token itself: its hash is enough to recognise it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.storage.database import Database
from jobs.storage.schema import learnt_secrets, pairing_windows

#: Longer than any vendor's secret.
LONGEST_SECRET = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a window accepts for `source`: a secret, stored as `secret`, or (None) values to show.

    `replaces`: it may replace a learnt secret of that name.
    """

    source: str
    secret: str | None
    replaces: bool = False


async def open_window(
    database: Database, window: Window, *, token: str, seconds: float
) -> datetime:
    """Open it for the sender who knows `token` and return its end; an older one is replaced."""
    async with database.write() as connection:
        await _forget(connection, window.source)
        row = {
            "source": window.source,
            "secret": window.secret,
            "replaces": window.replaces,
            "url_part_sha256": _sha256(token),
            "until": database.now(plus_seconds=seconds),
        }
        await connection.execute(pairing_windows.insert().values(row))
        until: datetime | None = await connection.scalar(
            select(pairing_windows.c.until).where(pairing_windows.c.source == window.source)
        )
    assert until is not None  # noqa: S101 - inserted above
    return until


async def close_window(database: Database, source: str) -> None:
    """Close the window, if there is one."""
    async with database.write() as connection:
        await _forget(connection, source)


async def take(
    database: Database,
    source: str,
    *,
    token: str,
    learnt: str | None,
    shown: Mapping[str, str],
    is_in_use: Callable[[str], bool] = lambda _name: False,
) -> Window | None:
    """Store what came through the open window and close it; None where it is not accepted.

    Of several processes that try, one succeeds. A wrong token leaves the window open.
    `is_in_use`: this process has a value for the secret's name from elsewhere, which is not
    replaced without permission either.
    """
    if learnt is not None and not _is_a_secret(learnt):
        return None
    columns = pairing_windows.c
    is_open = (columns.source == source) & columns.shown.is_(None)
    async with database.write() as connection:
        query = select(pairing_windows, (columns.until > database.now()).label("lasts"))
        row = (await connection.execute(query.where(is_open).with_for_update())).first()
        if row is None or not row.lasts or not _is_right(token, row.url_part_sha256):
            return None
        window = Window(source=source, secret=row.secret, replaces=row.replaces)
        if (
            window.secret is not None
            and learnt is not None
            and (
                (is_in_use(window.secret) and not window.replaces)
                or not await _keep(database, connection, window, window.secret, learnt)
            )
        ):
            return None
        change = update(pairing_windows).where(is_open).values(shown=dict(shown))
        await connection.execute(change)
        return window


async def taken(database: Database, source: str) -> dict[str, str] | None:
    """What the vendor sent for the operator to see; None before it has."""
    async with database.read() as connection:
        query = select(pairing_windows.c.shown).where(pairing_windows.c.source == source)
        shown: dict[str, str] | None = await connection.scalar(query)
        return shown


async def read_learnt(database: Database) -> dict[str, str]:
    """The secrets that vendors sent, by name."""
    async with database.read() as connection:
        rows = await connection.execute(select(learnt_secrets.c.name, learnt_secrets.c.value))
        return {row.name: row.value for row in rows}


async def _keep(
    database: Database, connection: AsyncConnection, window: Window, name: str, value: str
) -> bool:
    """Whether the secret was stored: one in use is replaced only where the window allows it."""
    row = {"name": name, "value": value, "source": window.source, "learnt_at": database.now()}
    if window.replaces:
        await connection.execute(database.upsert(learnt_secrets, key=["name"], values=row))
        return True
    new = database.insert_or_skip(learnt_secrets).values(row).returning(learnt_secrets.c.name)
    return (await connection.execute(new)).first() is not None


async def _forget(connection: AsyncConnection, source: str) -> None:
    await connection.execute(delete(pairing_windows).where(pairing_windows.c.source == source))


def _is_right(token: str, url_part_sha256: str) -> bool:
    return hmac.compare_digest(_sha256(token), url_part_sha256)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _is_a_secret(text: str) -> bool:
    return 0 < len(text) <= LONGEST_SECRET and text.isprintable() and text.isascii()
