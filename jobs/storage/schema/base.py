"""The metadata of all tables, and the values that their constraints allow."""

from __future__ import annotations

from sqlalchemy import Index, MetaData, text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

EVIDENCE = ("kept", "expired", "purged")
OUTCOME_KINDS = ("charge", "reversal", "reinstatement")

#: Of outcomes: not the first of its key, or one that waits for the first. Only these can make a
#: key an exception, or end that.
REPEATED = "ordinal > 1 OR verdict = 'waiting'"


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows that meet `where`, on both databases."""
    condition = text(where)
    return Index(name, *columns, unique=unique, postgresql_where=condition, sqlite_where=condition)
