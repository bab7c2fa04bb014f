"""The group of failures that a failed delivery is in, so that a filter can take one group alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jobs.common.failure_groups import group_id

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

DELIVERIES = sa.table(
    "deliveries",
    *(sa.column(name) for name in ("id", "state", "source", "reason", "rule", "detail")),
    sa.column("failure_group"),
)
AT_ONCE = 1_000


def upgrade() -> None:
    # Null for what an older process writes meanwhile: such a group keeps the command of before.
    op.add_column("deliveries", sa.Column("failure_group", sa.String(length=12), nullable=True))
    columns, connection = DELIVERIES.c, op.get_bind()
    page = sa.select(columns.id, columns.source, columns.reason, columns.rule, columns.detail)
    page = page.where(columns.state == "failed").order_by(columns.id).limit(AT_ONCE)
    keep = sa.update(DELIVERIES).where(columns.id == sa.bindparam("of"))
    keep = keep.values(failure_group=sa.bindparam("group"))
    last = ""
    while rows := connection.execute(page.where(columns.id > last)).all():
        connection.execute(
            keep,
            [
                {"of": id_, "group": group_id(source, reason or "", rule, detail)}
                for id_, source, reason, rule, detail in rows
            ],
        )
        last = rows[-1].id
