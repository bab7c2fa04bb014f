"""The name of the secret that proved a delivery, so that a dispute can be answered years later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null for what was received before: the secret was not recorded.
    op.add_column("deliveries", sa.Column("verified_by", sa.String(length=128), nullable=True))
