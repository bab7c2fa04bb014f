"""Outcomes that bring a charge back, and which charge is owed where several come."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KINDS = "kind IN ('charge', 'reversal')"
MORE_KINDS = "kind IN ('charge', 'reversal', 'reinstatement')"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE outcomes ADD COLUMN amount_rule VARCHAR(8) DEFAULT 'first' NOT NULL "
        "CONSTRAINT ck_outcomes_amount_rule CHECK (amount_rule IN ('first', 'latest'))"
    )
    if op.get_bind().dialect.name != "sqlite":
        op.execute(
            "ALTER TABLE outcomes DROP CONSTRAINT ck_outcomes_kind, "
            f"ADD CONSTRAINT ck_outcomes_kind CHECK ({MORE_KINDS})"
        )
        return
    _edit_check_on_sqlite()
    # Its trigger names the columns that stay as they are during a purge.
    third: Any = op.get_context().script.get_revision("0003").module  # type: ignore[union-attr]  # run by its scripts
    third._let_purges_through_on_sqlite("outcomes", third.OF_LEDGER)  # noqa: SLF001 - its own words


def _edit_check_on_sqlite() -> None:
    """As https://www.sqlite.org/lang_altertable.html has it for constraints: in the schema itself.

    A copy of the table would need foreign keys off, which no transaction can switch, and would
    lose the triggers.
    """
    connection = op.get_bind()
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    op.execute("PRAGMA writable_schema=ON")
    edited = connection.execute(
        sa.text(
            "UPDATE sqlite_schema SET sql = replace(sql, :old, :new)"
            " WHERE type = 'table' AND name = 'outcomes' AND instr(sql, :old) > 0"
        ),
        {"old": KINDS, "new": MORE_KINDS},
    )
    if edited.rowcount != 1:
        message = f"the table outcomes has no check {KINDS!r}; restore its schema, then migrate"
        raise RuntimeError(message)
    op.execute(f"PRAGMA schema_version={version + 1}")
    op.execute("PRAGMA writable_schema=RESET")
