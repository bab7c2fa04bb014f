"""Revision 0003 as it was at first (6c063d3): databases that were brought to it say `0003` too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    # Written out: Alembic would copy a SQLite table whole to add a column with a check or a key.
    op.execute(
        "ALTER TABLE deliveries ADD COLUMN evidence VARCHAR(16) DEFAULT 'kept' NOT NULL "
        "CONSTRAINT ck_deliveries_evidence CHECK (evidence IN ('kept', 'expired', 'purged'))"
    )
    op.add_column(
        "deliveries", sa.Column("redacted", sa.Integer(), server_default="0", nullable=False)
    )
    op.execute(
        "ALTER TABLE outcomes ADD COLUMN replaces VARCHAR(36) "
        "CONSTRAINT fk_outcomes_replaces_outcomes REFERENCES outcomes (id)"
    )
    op.add_column("outcomes", sa.Column("place", sa.Integer(), nullable=True))
    op.execute(
        "ALTER TABLE outcomes ADD COLUMN action_id VARCHAR(36) "
        "CONSTRAINT fk_outcomes_action_id_actions REFERENCES actions (id)"
    )
    op.create_index(
        "ix_outcomes_replaces",
        "outcomes",
        ["replaces"],
        unique=True,
        postgresql_where=sa.text("replaces IS NOT NULL"),
        sqlite_where=sa.text("replaces IS NOT NULL"),
    )
    op.create_table(
        "pseudonym_keys",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pseudonym_keys")),
    )
    op.create_table(
        "purged_customers",
        sa.Column("pseudonym", sa.String(length=256), nullable=False),
        sa.Column("purged_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pseudonym", name=op.f("pk_purged_customers")),
    )
    op.create_table(
        "audits",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_audits")),
    )
    op.create_table(
        "notices",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_notices")),
    )
