"""What databases lack that were brought to the first form of 0003: it was changed where it stood.

Each of them has the revision `0003`, and was taken for one that has these tables. Where all is
there, nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_GONE = "evidence = 'kept' OR (body IS NULL AND state NOT IN ('received', 'failed'))"


def upgrade() -> None:
    third: Any = op.get_context().script.get_revision("0003").module  # type: ignore[union-attr]  # run by its scripts
    found = sa.inspect(op.get_bind())
    if "ck_deliveries_gone" not in {
        one["name"] for one in found.get_check_constraints("deliveries")
    }:
        _refuse_lost_bodies()
    if "ix_outcomes_action" not in {one["name"] for one in found.get_indexes("outcomes")}:
        third.index_actions()
    if not found.has_table("purge_guard"):
        third.let_purges_through()
    _make_again(found, "audits", third.make_audits, sign="next_at")
    _make_again(found, "notices", third.make_notices, sign="ended_at")


def _make_again(found: sa.Inspector, table: str, make: Callable[[], None], *, sign: str) -> None:
    """What was seen until now is looked at again."""
    if sign not in {one["name"] for one in found.get_columns(table)}:
        op.drop_table(table)
        make()


def _refuse_lost_bodies() -> None:
    """SQLite takes a check with a new column only: its values move there, and its name is kept."""
    if op.get_bind().dialect.name != "sqlite":
        op.execute(f"ALTER TABLE deliveries ADD CONSTRAINT ck_deliveries_gone CHECK ({_GONE})")
        return
    op.execute(
        "ALTER TABLE deliveries ADD COLUMN told VARCHAR(16) DEFAULT 'kept' NOT NULL "
        "CONSTRAINT ck_deliveries_evidence CHECK (told IN ('kept', 'expired', 'purged')) "
        f"CONSTRAINT ck_deliveries_gone CHECK ({_GONE.replace('evidence', 'told')})"
    )
    op.execute("UPDATE deliveries SET told = evidence WHERE evidence <> 'kept'")
    op.execute("ALTER TABLE deliveries DROP COLUMN evidence")
    op.execute("ALTER TABLE deliveries RENAME COLUMN told TO evidence")
