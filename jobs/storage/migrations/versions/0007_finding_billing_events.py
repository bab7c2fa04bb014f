"""Indexes for lists of billing events, actions and replays: no filter reads a whole table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OF_BILLING_EVENTS = {
    "occurred": ["occurred_at", "id"],
    "agent": ["agent_id", "recorded_at"],
    "indicator": ["indicator", "recorded_at"],
    "source": ["source", "recorded_at"],
}


def upgrade() -> None:
    for name, columns in OF_BILLING_EVENTS.items():
        op.create_index(f"ix_billing_events_{name}", "billing_events", columns)
    op.create_index(
        "ix_billing_events_reversals",
        "billing_events",
        ["recorded_at", "id"],
        postgresql_where=sa.text("kind = 'reversal'"),
        sqlite_where=sa.text("kind = 'reversal'"),
    )
    op.create_index("ix_actions_at", "actions", ["at", "id"])
    op.create_index("ix_replays_created", "replays", ["created_at", "id"])
