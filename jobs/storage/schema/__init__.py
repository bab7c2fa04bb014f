"""The tables, once for SQLite and PostgreSQL.

Owns names, types and constraints. Refuses behaviour: what may be written when is decided in
the modules that write. There is no column for usage or cost, by design.

Times are UTC. Amounts are integer millionths of the currency's major unit (`amount_micros`).
Ids are UUIDv7 as text, so they sort by the time they were made.
"""

from __future__ import annotations

from jobs.storage.schema.base import (
    EVIDENCE as EVIDENCE,
    OUTCOME_KINDS as OUTCOME_KINDS,
    REPEATED as REPEATED,
    metadata as metadata,
)
from jobs.storage.schema.intake import (
    deliveries as deliveries,
    intake as intake,
    learnt_secrets as learnt_secrets,
    pairing_windows as pairing_windows,
    rejection_counts as rejection_counts,
    rejections as rejections,
    secret_uses as secret_uses,
)
from jobs.storage.schema.ledger import (
    billing_events as billing_events,
    customers as customers,
    exceptions as exceptions,
    outcome_keys as outcome_keys,
    outcomes as outcomes,
    pseudonym_keys as pseudonym_keys,
    purge_guard as purge_guard,
    purged_customers as purged_customers,
)
from jobs.storage.schema.mappings import (
    billed_rules as billed_rules,
    mapping_files as mapping_files,
    mapping_set as mapping_set,
    mapping_versions as mapping_versions,
    rekeyings as rekeyings,
    replaced_texts as replaced_texts,
)
from jobs.storage.schema.operations import (
    actions as actions,
    alerts as alerts,
    audits as audits,
    heartbeats as heartbeats,
    installation as installation,
    replay_items as replay_items,
    replays as replays,
)
