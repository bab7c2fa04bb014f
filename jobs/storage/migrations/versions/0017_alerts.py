"""The table `notices` becomes `alerts`, with what is stored in it under the names of today."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

#: The keys of what is stored of an alert, before and now.
KEYS = {"says": "summary", "run": "commands", "facts": "labels", "ended": "resolved"}
COLUMNS = ("key", "id", "kind", "opened_at", "missed_at", "sent_at", "attempts", "next_attempt_at")
NOTICES = sa.table(
    "notices",
    *(sa.column(name) for name in (*COLUMNS, "ended_at")),
    sa.column("detail", sa.JSON()),
)
AUDITS = sa.table("audits", sa.column("name"), sa.column("detail", sa.JSON()))


def upgrade() -> None:
    connection = op.get_bind()
    alerts = op.create_table(
        "alerts",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missed_at", sa.DateTime(timezone=True)),
        sa.Column("resolved_at", sa.DateTime(timezone=True)),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_alerts")),
    )
    # In SQL, as the two databases write times differently; the details afterwards, which are few.
    names = [*COLUMNS, "resolved_at", "detail"]
    source = sa.select(*(NOTICES.c[name] for name in (*COLUMNS, "ended_at", "detail")))
    connection.execute(sa.insert(alerts).from_select(names, source))
    for key, detail in connection.execute(sa.select(alerts.c.key, alerts.c.detail)).all():
        _store(alerts, alerts.c.key == key, {KEYS.get(name, name): detail[name] for name in detail})
    op.drop_table("notices")
    for name, detail in connection.execute(sa.select(AUDITS.c.name, AUDITS.c.detail)).all():
        if "says" in detail:
            _store(AUDITS, AUDITS.c.name == name, {"summaries": detail["says"]})
    connection.execute(sa.update(AUDITS).where(AUDITS.c.name == "notices").values(name="alerts"))


def _store(table: Any, row: Any, detail: dict[str, Any]) -> None:
    op.get_bind().execute(sa.update(table).where(row).values(detail=detail))
