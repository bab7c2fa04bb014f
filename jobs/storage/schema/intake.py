"""What was received, accepted or rejected, and the secrets that verified it."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from jobs.common.states import DeliveryState
from jobs.storage.columns import Counter, UtcDateTime
from jobs.storage.schema.base import EVIDENCE, metadata, partial_index

#: One POST each, with its bytes as received. Its rows are locked with `key_share` only, so that a
#: charge or an item of a replay that refers to a row never waits for that lock.
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
    # What is still to be settled cannot lose its body by any statement.
    CheckConstraint(
        "evidence = 'kept' OR (body IS NULL AND state NOT IN ('received', 'failed'))", name="gone"
    ),
    partial_index("ix_deliveries_waiting", "next_attempt_at", where="state = 'received'"),
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
