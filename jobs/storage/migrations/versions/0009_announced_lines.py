"""Lines announced by the inserting transaction: nothing is complete past an open transaction."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return  # one transaction writes at a time: who has the lock knows that none is in flight
    # The number is ANNOUNCED of jobs.ledger.horizon. A lock is seen by every role, whatever it may
    # see of sessions, and a prepared transaction keeps it.
    op.execute(
        "CREATE FUNCTION announce_lines() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM pg_advisory_xact_lock_shared("
        f"{5 << 60} + floor(extract(epoch FROM now()) * 1000000)::bigint); "
        "RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER billing_events_announced BEFORE INSERT ON billing_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION announce_lines()"
    )
