"""SQLite's REPLACE refused where rows are written once: it deletes without a word to triggers."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

#: By table, each set of columns in which no two rows are alike: REPLACE goes by any of them.
UNIQUE = {
    "billing_events": (("id",), ("outcome_key", "sequence"), ("reverses",)),
    "outcomes": (("id",), ("outcome_key", "ordinal"), ("replaces",)),
    "intake": (("id",),),
    "actions": (("id",),),
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return  # PostgreSQL knows INSERT … ON CONFLICT DO UPDATE alone, and asks its triggers
    for table, sets in UNIQUE.items():
        alike = " OR ".join(
            "(" + " AND ".join(f"{name} = NEW.{name}" for name in names) + ")" for names in sets
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "  # noqa: S608 - names from above
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {alike}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
        )
