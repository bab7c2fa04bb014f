"""All health checks, in the order in which `receiver doctor` shows them."""

from __future__ import annotations

from functools import partial

from jobs.audits.auditor import AUDITS
from receiver.health.check import HealthCheck, Runs
from receiver.health.checks import alerts, clock, ledger, mappings, processes, secrets, storage

EACH_TIME, EACH_MINUTE = Runs.EACH_TIME, Runs.EACH_MINUTE

#: What the others need: `database` of all that need tables, `revision` checks that they are there.
DATABASE = HealthCheck("database", storage.check_database, needs_tables=False)
REVISION = HealthCheck("revision", storage.check_revision, EACH_MINUTE)
#: Named by itself where the mappings cannot be read at all.
MAPPINGS = HealthCheck(
    "mappings", mappings.check_mappings, EACH_TIME, needs_tables=False, warns=True
)

CHECKS: tuple[HealthCheck, ...] = (
    DATABASE,
    REVISION,
    HealthCheck("durability", storage.check_durability, EACH_MINUTE),
    HealthCheck("disk", storage.check_disk, EACH_MINUTE, needs_tables=False),
    HealthCheck("clock", clock.check_clock, EACH_MINUTE),
    HealthCheck("redis", processes.check_redis, EACH_TIME, needs_tables=False),
    HealthCheck("web", processes.check_web),
    HealthCheck("worker", processes.check_worker, EACH_TIME),
    HealthCheck("versions", processes.check_versions, EACH_MINUTE),
    HealthCheck("backlog", ledger.check_backlog, EACH_TIME),
    HealthCheck("complete", ledger.check_complete, EACH_MINUTE),
    HealthCheck("audits", ledger.check_audits, EACH_TIME),
    *(
        HealthCheck(name, partial(ledger.check_audit, name=name), timeout_seconds=None)
        for name in AUDITS
    ),
    MAPPINGS,
    HealthCheck("rules", mappings.check_rules),
    HealthCheck("failures", mappings.check_failures),
    HealthCheck("exceptions", mappings.check_exceptions, EACH_MINUTE),
    HealthCheck("silence", mappings.check_silence, EACH_MINUTE),
    HealthCheck("paths", mappings.check_paths),
    HealthCheck("settings", secrets.check_settings, needs_tables=False),
    HealthCheck("secrets", secrets.check_secrets, EACH_TIME, needs_tables=False),
    HealthCheck("files", secrets.check_files, EACH_MINUTE, needs_tables=False, on_readyz=False),
    HealthCheck("rotation", secrets.check_rotation, EACH_TIME),
    HealthCheck("public-url", secrets.check_public_url, EACH_MINUTE, needs_tables=False),
    HealthCheck("alerts", alerts.check_alerts, EACH_MINUTE),
)
NAMES = tuple(check.name for check in CHECKS)
