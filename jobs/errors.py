"""What can go wrong in durable work, and what each failure means for trying again.

Owns the one list of what is worth retrying (`is_transient`). The docstring of an error is a
message an operator can use.
"""

from __future__ import annotations

import sqlite3

import redis.exceptions
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class JobsError(Exception):
    """Base of all errors of durable work."""


class InboxUnavailable(JobsError):
    """The database did not commit the delivery in time; the sender should try again."""


class DatabaseUnsuitable(JobsError):
    """The database would acknowledge what it may lose; change the setting the message names."""


class FilterInvalid(JobsError):
    """The filter names something that does not exist; the message lists what does."""


#: SQLSTATE classes, and single codes, that pass by themselves.
TRANSIENT_SQLSTATES = ("08", "40", "53", "57", "55P03")
#: SQLite primary result codes that pass by themselves: BUSY, LOCKED, FULL, IOERR, CANTOPEN.
TRANSIENT_SQLITE_CODES = frozenset({5, 6, 10, 13, 14})


def is_transient(error: BaseException) -> bool:
    """Whether the failure lies in a neighbour and passes: connection, time-out, lock, disk.

    Looks through the chain of causes, since drivers and SQLAlchemy wrap what happened.
    """
    seen: BaseException | None = error
    while seen is not None:
        if _is_transient_itself(seen):
            return True
        seen = seen.__cause__ or (seen.orig if isinstance(seen, DBAPIError) else None)
    return False


def _is_transient_itself(error: BaseException) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, (PoolTimeout, InterfaceError, OSError, TimeoutError)):
        return True
    if isinstance(error, (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)):
        return True
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        return code is not None and (code & 0xFF) in TRANSIENT_SQLITE_CODES
    sqlstate = getattr(error, "sqlstate", None)
    return isinstance(sqlstate, str) and sqlstate.startswith(TRANSIENT_SQLSTATES)
