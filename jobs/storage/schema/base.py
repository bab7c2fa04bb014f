"""The metadata of all tables, and the values that their constraints allow."""

from __future__ import annotations

from sqlalchemy import MetaData

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
TOLD_AGAIN = "ordinal > 1 OR verdict = 'waiting'"
