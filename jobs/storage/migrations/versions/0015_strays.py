"""Of requests that reached no source: path, the source that was meant, and how many there were."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rejections", sa.Column("path", sa.String(length=200), nullable=True))
    op.add_column("rejections", sa.Column("nearest_source", sa.String(length=64), nullable=True))
    op.add_column("rejections", sa.Column("remediation", sa.Text(), nullable=True))
    op.add_column(
        "rejections", sa.Column("count", sa.BigInteger(), nullable=False, server_default="1")
    )
