"""The tables, once for SQLite and PostgreSQL.

Owns names, types and constraints. Refuses behaviour: what may be written when is decided in
the modules that write. There is no column for usage or cost, by design.

Times are UTC. Amounts are integer millionths of the currency's major unit (`amount_micros`).
Ids are UUIDv7 as text, so they sort by the time they were made.
"""

from __future__ import annotations

from jobs.storage.schema.base import EVIDENCE, OUTCOME_KINDS, REPEATED, metadata
from jobs.storage.schema.intake import (
    deliveries,
    intake,
    learnt_secrets,
    pairing_windows,
    rejection_counts,
    rejections,
    secret_uses,
)
from jobs.storage.schema.ledger import (
    billing_events,
    customers,
    exceptions,
    outcome_keys,
    outcomes,
    pseudonym_keys,
    purge_guard,
    purged_customers,
)
from jobs.storage.schema.mappings import (
    billed_rules,
    mapping_files,
    mapping_set,
    mapping_versions,
    rekeyings,
    replaced_texts,
)
from jobs.storage.schema.operations import (
    actions,
    alerts,
    audits,
    heartbeats,
    installation,
    replay_items,
    replays,
)

__all__ = [
    "EVIDENCE",
    "OUTCOME_KINDS",
    "REPEATED",
    "actions",
    "alerts",
    "audits",
    "billed_rules",
    "billing_events",
    "customers",
    "deliveries",
    "exceptions",
    "heartbeats",
    "installation",
    "intake",
    "learnt_secrets",
    "mapping_files",
    "mapping_set",
    "mapping_versions",
    "metadata",
    "outcome_keys",
    "outcomes",
    "pairing_windows",
    "pseudonym_keys",
    "purge_guard",
    "purged_customers",
    "rejection_counts",
    "rejections",
    "rekeyings",
    "replaced_texts",
    "replay_items",
    "replays",
    "secret_uses",
]
