"""The tables, once for SQLite and PostgreSQL.

Owns names, types and constraints. Refuses behaviour: what may be written when is decided in
the modules that write. There is no column for usage or cost, by design.

Times are UTC. Amounts are integer millionths of the currency's major unit (`amount_micros`).
Ids are UUIDv7 as text, so they sort by the time they were made.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from jobs.common.states import DeliveryState
from jobs.storage.columns import Counter, UtcDateTime

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

EVIDENCE = ("kept", "expired", "purged")
OUTCOME_KINDS = ("charge", "reversal", "reinstatement")

#: Of outcomes: not the first of its key, or one that waits for the first. Only these can make a
#: key an exception, or end that.
TOLD_AGAIN = "ordinal > 1 OR verdict = 'waiting'"

#: One POST each, with its bytes as they came. Whoever locks rows of it does so with `key_share`:
#: a charge or an item of a replay that refers to one never waits for whoever holds it.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("dedupe_key", String(400), nullable=False),
    Column("vendor_id", String(255)),  # the vendor's delivery id where the signature covers it
    Column("verified_by", String(128)),  # the name of the secret that verified it
    Column("body", LargeBinary),  # null once `evidence` is no longer `kept`
    Column("body_sha256", String(64), nullable=False),
    Column("headers", JSON, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32)),
    Column("detail", Text),
    Column("rule", String(128)),
    Column(
        "held_back", Integer, nullable=False, server_default="0"
    ),  # good outcomes in a failed one
    Column("failure_group", String(12)),  # of a failed one: which group of failures it is in
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("duplicates", Integer, nullable=False, server_default="0"),
    Column("settled_at", UtcDateTime),
    # What is left of the body: `expired` by retention, `purged` by an erasure request.
    Column("evidence", String(16), nullable=False, server_default="kept"),
    Column("redacted", Integer, nullable=False, server_default="0"),  # values taken out of it
    UniqueConstraint("source", "dedupe_key"),
    CheckConstraint(f"state IN {tuple(state.value for state in DeliveryState)!r}", name="state"),
    CheckConstraint(f"evidence IN {EVIDENCE!r}", name="evidence"),
    # What is still to be settled cannot lose its body, whoever asks.
    CheckConstraint(
        "evidence = 'kept' OR (body IS NULL AND state NOT IN ('received', 'failed'))", name="gone"
    ),
    Index(
        "ix_deliveries_waiting",
        "next_attempt_at",
        postgresql_where=text("state = 'received'"),
        sqlite_where=text("state = 'received'"),
    ),
    Index("ix_deliveries_state_reason", "state", "reason", "received_at"),
    Index("ix_deliveries_source_received", "source", "received_at"),
    Index("ix_deliveries_received", "received_at", "id"),
)

#: How many deliveries each intake transaction accepted: append only, the independent count.
intake = Table(
    "intake",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("committed_at", UtcDateTime, nullable=False),
    Column("accepted", Integer, nullable=False),
)

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
    # Of a charge that was billed anew by hand: which outcome it stands for, and the ordinal by
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
    Index(
        "ix_outcomes_told_again",
        "recorded_at",
        "id",
        postgresql_where=text(TOLD_AGAIN),
        sqlite_where=text(TOLD_AGAIN),
    ),
    Index(
        "ix_outcomes_replaces",
        "replaces",
        unique=True,
        postgresql_where=text("replaces IS NOT NULL"),
        sqlite_where=text("replaces IS NOT NULL"),
    ),
    Index(
        "ix_outcomes_action",
        "action_id",
        postgresql_where=text("action_id IS NOT NULL"),
        sqlite_where=text("action_id IS NOT NULL"),
    ),
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
    Index(
        "ix_billing_events_reversals",
        "recorded_at",
        "id",
        postgresql_where=text("kind = 'reversal'"),
        sqlite_where=text("kind = 'reversal'"),
    ),
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

#: Keys that were told of and not billed as someone may expect, by the outcome that shows it.
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

#: Content hash → the text that billed, so that every charge can be explained years later.
mapping_versions = Table(
    "mapping_versions",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),  # mapping, catalogue or table
    Column("name", String(128), nullable=False),
    Column("text", Text, nullable=False),
    Column("parts", JSON, nullable=False),  # table name → version, of the tables it looks up
    Column("first_used_at", UtcDateTime, nullable=False),
)

#: The last good text of each file of the mappings folder: what goes on when an edit is bad.
mapping_files = Table(
    "mapping_files",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("text", LargeBinary, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

#: What stood in a file before an edit: `check --against` compares an edit in force with it.
replaced_texts = Table(
    "replaced_texts",
    metadata,
    # That of `mapping_set` which the edit made.
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("name", String(255), primary_key=True),
    Column("text", LargeBinary),  # null: the file was not there
    Column("replaced_at", UtcDateTime, nullable=False),
)

#: Which set of mappings is in force. Its row is the lock under which an edit is accepted and
#: under which the first charge of a rule by one text is recorded: neither misses the other.
mapping_set = Table(
    "mapping_set",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("version", String(64), nullable=False),
    Column("generation", Integer, nullable=False),  # one more with each edit that was accepted
    Column("accepted_at", UtcDateTime, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

#: Which rules have billed, and by which texts: what an edit is compared with. A trigger on
#: `outcomes` writes it, so that whatever records a charge does.
billed_rules = Table(
    "billed_rules",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("rule", String(128), primary_key=True),
    Column("mapping_version", String(64), primary_key=True),
    Column("first_billed_at", UtcDateTime, nullable=False),
)

#: The form of keys that `rekeyed: true` last declared, by the source and name in the old keys.
rekeyings = Table(
    "rekeyings",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("key_name", String(128), primary_key=True),
    Column("form", String(64), nullable=False),
    Column("now_source", String(64), nullable=False),  # another one, where that was renamed
    Column("accepted_at", UtcDateTime, nullable=False),
)

#: Who replayed, discarded or reversed what: append only.
actions = Table(
    "actions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("filter", JSON, nullable=False),
    Column("count", Integer, nullable=False),
    Column("note", Text),
    Column("detail", JSON, nullable=False),
    Index("ix_actions_at", "at", "id"),
)

#: A replay under way or done; what became of each delivery stands in replay_items.
replays = Table(
    "replays",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("state", String(16), nullable=False),  # gathering, running or done
    Column("filter", JSON, nullable=False),
    Column("matched", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("mapping_version", String(64)),  # the one that it was asked for by; null: any
    Index("ix_replays_created", "created_at", "id"),
)

#: The deliveries of a replay, in the order they came; `result` is null until settled again.
replay_items = Table(
    "replay_items",
    metadata,
    Column("replay_id", ForeignKey("replays.id"), primary_key=True),
    Column("delivery_id", ForeignKey("deliveries.id"), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("released", Integer, nullable=False, server_default="0"),
    # recorded, ignored, failed, unchanged, no-body (unchanged too), or other-mappings: not replayed
    Column("result", String(16)),
    Column(
        "differences", JSON(none_as_null=True)
    ),  # what a recorded one would bill now, where it differs
    Index("ix_replay_items_open", "replay_id", "result", "position"),
    Index("ix_replay_items_delivery", "delivery_id"),
)

#: What holds for the whole installation, whatever its processes are set to: one row.
installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("timezone", String(64), nullable=False),  # of days and months, by IANA's name
    CheckConstraint("id = 1", name="one_row"),
)

#: The window that `receiver pair` opened for a source; `shown` is null until something came.
pairing_windows = Table(
    "pairing_windows",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("secret", String(128)),  # the name to keep it under; null: there is only to show
    Column("replaces", Boolean, nullable=False),
    Column("url_part_sha256", String(64), nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("shown", JSON(none_as_null=True)),
)

#: Secrets that vendors sent through such a window, by the names of mapping files.
learnt_secrets = Table(
    "learnt_secrets",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("value", Text, nullable=False),
    Column("source", String(64), nullable=False),
    Column("learnt_at", UtcDateTime, nullable=False),
)

#: Processes alive: a worker or web process writes its row every few seconds.
heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("role", String(16), nullable=False),  # web or work
    Column("seen_at", UtcDateTime, nullable=False),
    Column("detail", JSON, nullable=False),  # redis up or not, problems of the mappings
)

#: The last requests that were not taken: no body, no value of a header, nothing secret.
rejections = Table(
    "rejections",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("source", String(64), nullable=False),  # a configured one, or `unknown`
    Column("cause", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("remote", String(64), nullable=False),
    Column("header_names", JSON, nullable=False),
    Column("body_bytes", BigInteger),  # null where none was read and none declared
    Column("body_sha256", String(64)),  # null where the body was not read whole
    # Of what reached no source: what may be kept of the path, the source that was meant, and how
    # many of the kind there were; the row is that of the last one.
    Column("path", String(200)),
    Column("nearest_source", String(64)),
    Column("remediation", Text),
    Column("count", BigInteger, nullable=False, server_default="1"),
    Index("ix_rejections_at", "at", "id"),
)

#: How many there were by cause, those included that are no longer kept.
rejection_counts = Table(
    "rejection_counts",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("cause", String(64), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)

#: Which secret of a source verified how many requests: tells when an old one is out of use.
secret_uses = Table(
    "secret_uses",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("secret", String(128), primary_key=True),  # its name
    Column("count", BigInteger, nullable=False),
    Column("last_used_at", UtcDateTime, nullable=False),
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

#: What the service found of itself when it last checked its books: read by /metrics and doctor.
audits = Table(
    "audits",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("found", BigInteger, nullable=False),  # 0: nothing is wrong
    Column("detail", JSON, nullable=False),  # the first faults in words
    Column("progress", JSON, nullable=False),  # how far it is: what the next round goes on from
    Column("checked_at", UtcDateTime),  # null until a first round has ended
    Column("next_at", UtcDateTime, nullable=False),  # whoever moves it on has the next round
)

#: What somebody is to be told of, once: kept until it was sent, and quiet from then on.
notices = Table(
    "notices",
    metadata,
    Column("key", String(200), primary_key=True),  # what it is about: one row as long as it lasts
    Column("id", String(36), nullable=False),  # of the message, the same over all tries
    Column("kind", String(32), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("missed_at", UtcDateTime),  # since when it is no longer seen
    Column("ended_at", UtcDateTime),  # over: what is still to be said is that
    Column("sent_at", UtcDateTime),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", UtcDateTime, nullable=False),
)
