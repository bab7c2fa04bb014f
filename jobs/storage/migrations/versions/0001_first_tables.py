"""The first tables: deliveries, outcomes, the ledger, and what watches over them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: Rows of these tables are written once: the database itself refuses to change them.
APPEND_ONLY = ("billing_events", "outcomes", "intake", "actions")


def upgrade() -> None:
    op.create_table(
        "actions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actions")),
    )
    op.create_table(
        "customers",
        sa.Column("id", sa.String(length=256), nullable=False),
        sa.Column("first_billed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("dedupe_key", sa.String(length=400), nullable=False),
        sa.Column("vendor_id", sa.String(length=255), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("rule", sa.String(length=128), nullable=True),
        sa.Column("held_back", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duplicates", sa.Integer(), server_default="0", nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('received', 'recorded', 'ignored', 'failed', 'discarded')",
            name=op.f("ck_deliveries_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("source", "dedupe_key", name=op.f("uq_deliveries_source_dedupe_key")),
    )
    op.create_index("ix_deliveries_received", "deliveries", ["received_at", "id"], unique=False)
    op.create_index(
        "ix_deliveries_source_received", "deliveries", ["source", "received_at"], unique=False
    )
    op.create_index(
        "ix_deliveries_state_reason", "deliveries", ["state", "reason", "received_at"], unique=False
    )
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state = 'received'"),
        sqlite_where=sa.text("state = 'received'"),
    )
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "intake",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intake")),
    )
    op.create_table(
        "mapping_files",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mapping_files")),
    )
    op.create_table(
        "mapping_versions",
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_mapping_versions")),
    )
    op.create_table(
        "outcome_keys",
        sa.Column("outcome_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("outcome_key", name=op.f("pk_outcome_keys")),
    )
    op.create_table(
        "replays",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replays")),
    )
    op.create_table(
        "outcomes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("outcome_key", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.String(length=36), nullable=True),
        sa.Column("event_index", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("agent_id", sa.String(length=256), nullable=True),
        sa.Column("customer_id", sa.String(length=256), nullable=True),
        sa.Column("indicator", sa.String(length=256), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("meta_tags", sa.JSON(), nullable=False),
        sa.Column("mapping_version", sa.String(length=64), nullable=True),
        sa.Column("price_version", sa.String(length=64), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("billing_event_id", sa.String(length=36), nullable=True),
        sa.CheckConstraint("kind IN ('charge', 'reversal')", name=op.f("ck_outcomes_kind")),
        sa.CheckConstraint(
            "verdict IN ('charged', 'reversed', 'duplicate', 'superseded', 'waiting')",
            name=op.f("ck_outcomes_verdict"),
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_outcomes_delivery_id")
        ),
        sa.ForeignKeyConstraint(
            ["outcome_key"], ["outcome_keys.outcome_key"], name=op.f("fk_outcomes_outcome_key")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outcomes")),
        sa.UniqueConstraint("outcome_key", "ordinal", name=op.f("uq_outcomes_outcome_key_ordinal")),
    )
    op.create_index("ix_outcomes_delivery", "outcomes", ["delivery_id"], unique=False)
    op.create_index(
        "ix_outcomes_source_rule", "outcomes", ["source", "rule", "recorded_at"], unique=False
    )
    op.create_table(
        "replay_items",
        sa.Column("replay_id", sa.String(length=36), nullable=False),
        sa.Column("delivery_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("released", sa.Integer(), server_default="0", nullable=False),
        sa.Column("result", sa.String(length=16), nullable=True),
        sa.Column("differences", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_replay_items_delivery_id")
        ),
        sa.ForeignKeyConstraint(
            ["replay_id"], ["replays.id"], name=op.f("fk_replay_items_replay_id")
        ),
        sa.PrimaryKeyConstraint("replay_id", "delivery_id", name=op.f("pk_replay_items")),
    )
    op.create_index("ix_replay_items_delivery", "replay_items", ["delivery_id"], unique=False)
    op.create_index(
        "ix_replay_items_open", "replay_items", ["replay_id", "result", "position"], unique=False
    )
    op.create_table(
        "billing_events",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("outcome_key", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("reverses", sa.String(length=36), nullable=True),
        sa.Column("agent_id", sa.String(length=256), nullable=False),
        sa.Column("customer_id", sa.String(length=256), nullable=False),
        sa.Column("indicator", sa.String(length=256), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivery_id", sa.String(length=36), nullable=True),
        sa.Column("event_index", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("outcome_id", sa.String(length=36), nullable=False),
        sa.Column("mapping_version", sa.String(length=64), nullable=True),
        sa.Column("price_version", sa.String(length=64), nullable=True),
        sa.Column("meta_tags", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'charge' AND reverses IS NULL AND amount_micros >= 0 AND sequence % 2 = 1)"
            " OR (kind = 'reversal' AND reverses IS NOT NULL AND amount_micros <= 0"
            " AND sequence % 2 = 0)",
            name=op.f("ck_billing_events_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_billing_events_delivery_id")
        ),
        sa.ForeignKeyConstraint(
            ["outcome_id"], ["outcomes.id"], name=op.f("fk_billing_events_outcome_id")
        ),
        sa.ForeignKeyConstraint(
            ["outcome_key"],
            ["outcome_keys.outcome_key"],
            name=op.f("fk_billing_events_outcome_key"),
        ),
        sa.ForeignKeyConstraint(
            ["reverses"], ["billing_events.id"], name=op.f("fk_billing_events_reverses")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_events")),
        sa.UniqueConstraint(
            "outcome_key", "sequence", name=op.f("uq_billing_events_outcome_key_sequence")
        ),
        sa.UniqueConstraint("reverses", name=op.f("uq_billing_events_reverses")),
    )
    op.create_index(
        "ix_billing_events_customer", "billing_events", ["customer_id", "recorded_at"], unique=False
    )
    op.create_index("ix_billing_events_delivery", "billing_events", ["delivery_id"], unique=False)
    op.create_index(
        "ix_billing_events_recorded", "billing_events", ["recorded_at", "id"], unique=False
    )

    for table in APPEND_ONLY:
        _guard(table)


def _guard(table: str) -> None:
    """Let the database refuse UPDATE and DELETE from every client."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append only', TG_TABLE_NAME; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
