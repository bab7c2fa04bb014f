"""Which mappings are in force, which rules have billed by them, and which were rekeyed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CHARGES = "NEW.kind = 'charge' AND NEW.mapping_version IS NOT NULL"
VALUES = "NEW.source, NEW.rule, NEW.mapping_version, NEW.recorded_at"
KNOWN = (
    "EXISTS (SELECT 1 FROM billed_rules WHERE source = NEW.source AND rule = NEW.rule"
    " AND mapping_version = NEW.mapping_version)"
)


def upgrade() -> None:
    op.create_table(
        "mapping_set",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_mapping_set_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_set")),
    )
    op.create_table(
        "billed_rules",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=128), nullable=False),
        sa.Column("mapping_version", sa.String(length=64), nullable=False),
        sa.Column("first_billed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "rule", "mapping_version", name=op.f("pk_billed_rules")),
    )
    op.create_table(
        "rekeyings",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key_name", sa.String(length=128), nullable=False),
        sa.Column("form", sa.String(length=64), nullable=False),
        sa.Column("now_source", sa.String(length=64), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "key_name", name=op.f("pk_rekeyings")),
    )
    op.add_column("replays", sa.Column("mapping_version", sa.String(length=64), nullable=True))
    op.execute(
        "INSERT INTO billed_rules (source, rule, mapping_version, first_billed_at)"
        " SELECT source, rule, mapping_version, min(recorded_at) FROM outcomes"
        " WHERE kind = 'charge' AND mapping_version IS NOT NULL"
        " GROUP BY source, rule, mapping_version"
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER outcomes_note_rule AFTER INSERT ON outcomes"  # noqa: S608 - all from above
            f" WHEN {CHARGES} AND NOT {KNOWN}"
            f" BEGIN INSERT INTO billed_rules VALUES ({VALUES}); END"
        )
        return
    op.execute(
        "CREATE FUNCTION note_billed_rule() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"  # noqa: S608 - all from above
        f" IF NOT {KNOWN} THEN"
        f" INSERT INTO billed_rules VALUES ({VALUES}) ON CONFLICT DO NOTHING;"
        " END IF; RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER outcomes_note_rule AFTER INSERT ON outcomes FOR EACH ROW"
        f" WHEN ({CHARGES}) EXECUTE FUNCTION note_billed_rule()"
    )
