"""What people and the service did: actions, replays, heartbeats, audits, alerts."""

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
)

from jobs.storage.columns import UtcDateTime
from jobs.storage.schema.base import metadata

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

#: Processes alive: a worker or web process writes its row every few seconds.
heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("role", String(16), nullable=False),  # web or work
    Column("seen_at", UtcDateTime, nullable=False),
    Column("detail", JSON, nullable=False),  # redis up or not, problems of the mappings
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
    Column("next_at", UtcDateTime, nullable=False),  # the process that moves it has the next round
)

#: Alerts, each sent once: kept until sent, and silent from then on.
alerts = Table(
    "alerts",
    metadata,
    Column("key", String(200), primary_key=True),  # of its problem: one row as long as that lasts
    Column("id", String(36), nullable=False),  # of the message, the same over all attempts
    Column("kind", String(32), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("missed_at", UtcDateTime),  # since when the problem is no longer found
    Column("resolved_at", UtcDateTime),  # over: what is still to be sent is that
    Column("sent_at", UtcDateTime),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", UtcDateTime, nullable=False),
)
