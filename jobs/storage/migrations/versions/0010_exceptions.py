"""The list of exceptions: what was taken and not billed as someone may expect."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TOLD_AGAIN = "ordinal > 1 OR verdict = 'waiting'"


def upgrade() -> None:
    op.create_index(
        "ix_outcomes_told_again",
        "outcomes",
        ["recorded_at", "id"],
        postgresql_where=sa.text(TOLD_AGAIN),
        sqlite_where=sa.text(TOLD_AGAIN),
    )
    op.create_table(
        "exceptions",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("outcome_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dismissed_by", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(
            ["dismissed_by"], ["actions.id"], name=op.f("fk_exceptions_dismissed_by_actions")
        ),
        sa.ForeignKeyConstraint(
            ["outcome_id"], ["outcomes.id"], name=op.f("fk_exceptions_outcome_id_outcomes")
        ),
        sa.PrimaryKeyConstraint("kind", "outcome_id", name=op.f("pk_exceptions")),
    )
    op.create_index("ix_exceptions_kind_at", "exceptions", ["kind", "at"])
    op.create_index("ix_exceptions_outcome", "exceptions", ["outcome_id"])
    op.add_column("customers", sa.Column("looks_like", sa.String(length=32), nullable=True))
    op.create_index("ix_customers_looks_like", "customers", ["looks_like"])
