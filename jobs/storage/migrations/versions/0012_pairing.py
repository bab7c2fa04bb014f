"""Set-up windows and learnt secrets: files of one machine no other web process could see."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pairing_windows",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("secret", sa.String(length=128)),
        sa.Column("replaces", sa.Boolean(), nullable=False),
        sa.Column("url_part_sha256", sa.String(length=64), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shown", sa.JSON(none_as_null=True)),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_pairing_windows")),
    )
    op.create_table(
        "learnt_secrets",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("learnt_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_learnt_secrets")),
    )
