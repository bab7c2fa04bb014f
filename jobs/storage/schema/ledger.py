"""What was billed, to whom, and the pseudonyms of erased customers."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from jobs.storage.columns import UtcDateTime
from jobs.storage.schema.base import OUTCOME_KINDS, REPEATED, metadata, partial_index

#: One row a key: the lock under which everything about that key is decided.
outcome_keys = Table(
    "outcome_keys",
    metadata,
    Column("outcome_key", Text, primary_key=True),
)

#: What the mapping said of each recorded delivery, as decided then; never rewritten.
outcomes = Table(
    "outcomes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("outcome_key", ForeignKey("outcome_keys.outcome_key"), nullable=False),
    Column("ordinal", Integer, nullable=False),  # 1, 2, … in the order recorded for this key
    Column("delivery_id", ForeignKey("deliveries.id")),  # null: recorded by hand
    Column("event_index", Integer),
    Column("source", String(64), nullable=False),
    Column("rule", String(128), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("agent_id", String(256)),
    Column("customer_id", String(256)),
    Column("indicator", String(256)),
    Column("occurred_at", UtcDateTime),  # as mapped; null where the rule maps none
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("amount_micros", BigInteger),
    Column("currency", String(3)),
    Column("value", Text),  # decimal text, major units
    Column("meta_tags", JSON, nullable=False),
    Column("mapping_version", String(64)),
    Column("price_version", String(64)),
    Column("verdict", String(16), nullable=False),
    Column("billing_event_id", String(36)),
    # Of a charge billed again by hand: the outcome that it replaces, and the ordinal by
    # which it takes that one's place among charges of one moment. Null: its own.
    Column("replaces", ForeignKey("outcomes.id")),
    Column("place", Integer),
    Column("action_id", ForeignKey("actions.id")),  # null: a delivery said so, and no person
    # Of a charge: whether it replaces an earlier one between the same two reversals.
    Column("amount_rule", String(8), nullable=False, server_default="first"),
    UniqueConstraint("outcome_key", "ordinal"),
    CheckConstraint(f"kind IN {OUTCOME_KINDS!r}", name="kind"),
    CheckConstraint("amount_rule IN ('first', 'latest')", name="amount_rule"),
    CheckConstraint(
        "verdict IN ('charged', 'reversed', 'duplicate', 'superseded', 'waiting')", name="verdict"
    ),
    Index("ix_outcomes_delivery", "delivery_id"),
    Index("ix_outcomes_source_rule", "source", "rule", "recorded_at"),
    partial_index("ix_outcomes_told_again", "recorded_at", "id", where=REPEATED),
    partial_index("ix_outcomes_replaces", "replaces", where="replaces IS NOT NULL", unique=True),
    partial_index("ix_outcomes_action", "action_id", where="action_id IS NOT NULL"),
)

#: The ledger: append only, one line a charge or a reversal. A reinstatement posts a charge.
billing_events = Table(
    "billing_events",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("outcome_key", ForeignKey("outcome_keys.outcome_key"), nullable=False),
    Column("sequence", Integer, nullable=False),  # 1, 2, … within the key; odd ones charge
    Column("kind", String(16), nullable=False),
    Column("reverses", ForeignKey("billing_events.id"), unique=True),
    Column("agent_id", String(256), nullable=False),
    Column("customer_id", String(256), nullable=False),
    Column("indicator", String(256), nullable=False),
    Column("amount_micros", BigInteger, nullable=False),  # negative for a reversal
    Column("currency", String(3), nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("delivery_id", ForeignKey("deliveries.id")),
    Column("event_index", Integer),
    Column("source", String(64), nullable=False),
    Column("outcome_id", ForeignKey("outcomes.id"), nullable=False),
    Column("mapping_version", String(64)),
    Column("price_version", String(64)),
    Column("meta_tags", JSON, nullable=False),
    UniqueConstraint("outcome_key", "sequence"),
    # A key's ledger alternates: charge, reversal, charge … so two open charges cannot stand.
    CheckConstraint(
        "(kind = 'charge' AND reverses IS NULL AND amount_micros >= 0 AND sequence % 2 = 1)"
        " OR (kind = 'reversal' AND reverses IS NOT NULL AND amount_micros <= 0"
        " AND sequence % 2 = 0)",
        name="kind",
    ),
    Index("ix_billing_events_recorded", "recorded_at", "id"),
    Index("ix_billing_events_customer", "customer_id", "recorded_at"),
    Index("ix_billing_events_delivery", "delivery_id"),
    Index("ix_billing_events_occurred", "occurred_at", "id"),
    Index("ix_billing_events_agent", "agent_id", "recorded_at"),
    Index("ix_billing_events_indicator", "indicator", "recorded_at"),
    Index("ix_billing_events_source", "source", "recorded_at"),
    partial_index("ix_billing_events_reversals", "recorded_at", "id", where="kind = 'reversal'"),
)

#: Who has been billed; made with the first charge.
customers = Table(
    "customers",
    metadata,
    Column("id", String(256), primary_key=True),
    Column("first_billed_at", UtcDateTime, nullable=False),
    # A hash that is the same for ids that look alike; null until worked out in the background.
    Column("looks_like", String(32)),
    Index("ix_customers_looks_like", "looks_like"),
)

#: Keys with an event that was not billed as expected, by the outcome that shows it.
exceptions = Table(
    "exceptions",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("outcome_id", ForeignKey("outcomes.id"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("dismissed_by", ForeignKey("actions.id")),  # null: it stands
    Index("ix_exceptions_kind_at", "kind", "at"),
    Index("ix_exceptions_outcome", "outcome_id"),
)

#: The one secret by which purged customers get their pseudonyms; made with the first purge.
pseudonym_keys = Table(
    "pseudonym_keys",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("secret", String(64), nullable=False),  # hex
    Column("created_at", UtcDateTime, nullable=False),
)

#: Customers whose ids were erased, by the pseudonym that stands for each.
purged_customers = Table(
    "purged_customers",
    metadata,
    Column("pseudonym", String(256), primary_key=True),
    Column("purged_at", UtcDateTime, nullable=False),
)

#: Stands while a purge changes the ledger, and lets its triggers pass that and nothing else.
#: The key that it refers to cannot exist, so that no transaction can commit it.
purge_guard = Table(
    "purge_guard",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("pseudonym", String(256), nullable=False),
    Column(
        "must_go",
        ForeignKey("purge_guard.id", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
    CheckConstraint("id = 1 AND must_go = 0", name="never_committed"),
)
