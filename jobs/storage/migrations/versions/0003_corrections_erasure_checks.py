"""Corrections by hand, bodies that are gone, erased customers, checks of the books, notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: What a purge may change, and nothing else; DELETE and TRUNCATE stay refused.
OF_LEDGER = ("customer_id", "outcome_key", "meta_tags")
OF_ACTIONS = ("filter", "note", "detail")
PURGEABLE = {"outcomes": OF_LEDGER, "billing_events": OF_LEDGER, "actions": OF_ACTIONS}


def upgrade() -> None:
    # Written out: Alembic would copy a SQLite table whole to add a column with a check or a key.
    op.execute(
        "ALTER TABLE deliveries ADD COLUMN evidence VARCHAR(16) DEFAULT 'kept' NOT NULL "
        "CONSTRAINT ck_deliveries_evidence CHECK (evidence IN ('kept', 'expired', 'purged')) "
        "CONSTRAINT ck_deliveries_gone CHECK "
        "(evidence = 'kept' OR (body IS NULL AND state NOT IN ('received', 'failed')))"
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
    index_actions()
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
    let_purges_through()
    make_audits()
    make_notices()


def index_actions() -> None:
    op.create_index(
        "ix_outcomes_action",
        "outcomes",
        ["action_id"],
        postgresql_where=sa.text("action_id IS NOT NULL"),
        sqlite_where=sa.text("action_id IS NOT NULL"),
    )


def let_purges_through() -> None:
    """The guard of a purge, and the triggers that pass what it stands for."""
    op.create_table(
        "purge_guard",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pseudonym", sa.String(length=256), nullable=False),
        sa.Column("must_go", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1 AND must_go = 0", name=op.f("ck_purge_guard_never_committed")),
        sa.ForeignKeyConstraint(
            ["must_go"],
            ["purge_guard.id"],
            name=op.f("fk_purge_guard_must_go"),
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purge_guard")),
    )
    for table, columns in PURGEABLE.items():
        if op.get_bind().dialect.name == "sqlite":
            _let_purges_through_on_sqlite(table, columns)
        else:
            _let_purges_through_on_postgres(table, columns)


def make_audits() -> None:
    op.create_table(
        "audits",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_audits")),
    )


def make_notices() -> None:
    op.create_table(
        "notices",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_notices")),
    )


def _let_purges_through_on_sqlite(table: str, columns: tuple[str, ...]) -> None:
    fixed = [one["name"] for one in sa.inspect(op.get_bind()).get_columns(table)]
    refused = [f"NEW.{name} IS NOT OLD.{name}" for name in fixed if name not in columns]
    if columns == OF_LEDGER:
        guard = "(SELECT pseudonym FROM purge_guard)"
        refused += [
            f"(NEW.customer_id IS NOT OLD.customer_id AND NEW.customer_id IS NOT {guard})",
            f"(NEW.outcome_key <> OLD.outcome_key AND instr(NEW.outcome_key, {guard}) = 0)",
            "(NEW.meta_tags <> OLD.meta_tags AND NEW.meta_tags <> '{}')",
        ]
    op.execute(f"DROP TRIGGER {table}_no_update")
    op.execute(
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "  # noqa: S608 - names from above
        f"WHEN NOT EXISTS (SELECT 1 FROM purge_guard) OR {' OR '.join(refused)} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
    )


def _let_purges_through_on_postgres(table: str, columns: tuple[str, ...]) -> None:
    """`*<>` compares rows byte by byte: `json` knows no equality."""
    as_before = " ".join(f"probe.{name} := OLD.{name};" for name in columns)
    refused = ["probe *<> OLD"]
    if columns == OF_LEDGER:
        refused += [
            "(NEW.customer_id <> OLD.customer_id AND NEW.customer_id <> stand_in)",
            "(NEW.customer_id IS NULL) <> (OLD.customer_id IS NULL)",
            "(NEW.outcome_key <> OLD.outcome_key AND strpos(NEW.outcome_key, stand_in) = 0)",
            "(NEW.meta_tags::text <> OLD.meta_tags::text AND NEW.meta_tags::text <> '{}')",
        ]
    op.execute(
        f"CREATE FUNCTION refuse_all_but_a_purge_of_{table}() "  # noqa: S608 - names from above
        "RETURNS trigger LANGUAGE plpgsql AS "
        "$$ DECLARE stand_in text; probe record; BEGIN "
        "SELECT pseudonym INTO stand_in FROM purge_guard; "
        f"IF NOT FOUND THEN RAISE EXCEPTION '{table} is append only'; END IF; "
        f"probe := NEW; {as_before} "
        f"IF {' OR '.join(refused)} THEN RAISE EXCEPTION '{table} is append only'; END IF; "
        "RETURN NEW; END $$"
    )
    op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_purged_only BEFORE UPDATE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION refuse_all_but_a_purge_of_{table}()"
    )
