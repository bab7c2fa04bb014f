"""The numbers that Prometheus reads.

Owns their names, help and labels. Refuses labels that a sender can choose: a source that is not
configured is counted as `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from jobs.audits.findings import Audited

#: The label of every source that is not configured.
UNKNOWN = "unknown"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """The collectors of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.deliveries = Counter(
            "receiver_deliveries",
            "Deliveries that were acknowledged, and repeats of them.",
            ["source", "answer"],
            registry=self.registry,
        )
        self.rejections = Counter(
            "receiver_rejections",
            "Requests that were not taken, by cause.",
            ["source", "cause"],
            registry=self.registry,
        )
        self.verifications = Counter(
            "receiver_verifications",
            "Requests that a secret verified, by its name: shows when an old one is out of use.",
            ["source", "secret"],
            registry=self.registry,
        )
        self.intake_seconds = Histogram(
            "receiver_request_duration_seconds",
            "From a request's first byte here to the answer after its commit.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.ready = Gauge(
            "receiver_ready",
            "1 while this process can commit a delivery.",
            registry=self.registry,
        )
        self.problems = Gauge(
            "receiver_health_problems",
            "What /readyz names, by name; 0 is none.",
            ["name"],
            registry=self.registry,
        )
        self.states = Gauge(
            "receiver_deliveries_by_state",
            "All deliveries in the database, by state.",
            ["state"],
            registry=self.registry,
        )
        self.oldest_received_seconds = Gauge(
            "receiver_oldest_received_age_seconds",
            "Age of the oldest delivery that is not settled; 0 is none.",
            registry=self.registry,
        )

        self.audit_found = Gauge(
            "receiver_audit_found",
            "What the last round of each audit found wrong; 0 is nothing.",
            ["audit"],
            registry=self.registry,
        )
        self.audit_age_seconds = Gauge(
            "receiver_audit_age_seconds",
            "How long ago the last round of each audit ended.",
            ["audit"],
            registry=self.registry,
        )

        self.exceptions = Gauge(
            "receiver_exceptions",
            "What was taken and not billed as someone may expect, by kind.",
            ["kind"],
            registry=self.registry,
        )
        self.check_problems = Gauge(
            "receiver_check_problems",
            "Problems that each check of `receiver doctor` finds, once a minute.",
            ["check"],
            registry=self.registry,
        )
        self.clock_offset_seconds = Gauge(
            "receiver_database_clock_offset_seconds",
            "How far the database's clock is ahead of this process's.",
            registry=self.registry,
        )
        self.signed_lag_seconds = Gauge(
            "receiver_signed_lag_seconds",
            "Median of how long ago recent requests of a source were signed.",
            ["source"],
            registry=self.registry,
        )
        self.free_bytes = Gauge(
            "receiver_data_dir_free_bytes",
            "Free room on the disk of the data directory.",
            registry=self.registry,
        )

        self.notices_waiting = Gauge(
            "receiver_alerts_pending",
            "Notices that wait to be posted.",
            registry=self.registry,
        )
        self.notices_failing = Gauge(
            "receiver_alerts_failing",
            "Notices that were tried again and again and not taken.",
            registry=self.registry,
        )

    def show_health(self, *, ready: bool, names: Sequence[str], troubles: Sequence[str]) -> None:
        """Set what was last looked at: all that can be wrong, and what is."""
        self.ready.set(ready)
        for name in {*names, *troubles}:
            self.problems.labels(name).set(troubles.count(name))

    def show_states(self, states: Mapping[str, int], oldest_seconds: float | None) -> None:
        """Set what was last counted in the database."""
        for state, count in states.items():
            self.states.labels(state).set(count)
        self.oldest_received_seconds.set(oldest_seconds or 0.0)

    def show_audits(self, audits: Sequence[Audited], *, now: datetime) -> None:
        """Set what the audits last found, and when that was."""
        for one in audits:
            if one.checked_at is not None:
                self.audit_found.labels(one.name).set(one.found)
                age = max((now - one.checked_at).total_seconds(), 0.0)
                self.audit_age_seconds.labels(one.name).set(age)

    def show_exceptions(self, counts: Mapping[str, int]) -> None:
        """Set how many exceptions there are, by kind."""
        for kind, count in counts.items():
            self.exceptions.labels(kind).set(count)

    def show_check(self, name: str, problems: int) -> None:
        """Set how many problems a check of `receiver doctor` found."""
        self.check_problems.labels(name).set(problems)

    def show_surroundings(
        self, *, offset_seconds: float, lags: Mapping[str, tuple[float, int]], free_bytes: int
    ) -> None:
        """Set what clocks and disk were last found to be; `lags` are medians and numbers."""
        self.clock_offset_seconds.set(offset_seconds)
        self.signed_lag_seconds.clear()
        for source, (lag, _) in lags.items():
            self.signed_lag_seconds.labels(source).set(lag)
        self.free_bytes.set(free_bytes)

    def show_notices(self, *, waiting: int, failing: int) -> None:
        """Set how many notices are not posted yet, and how many of those were tried in vain."""
        self.notices_waiting.set(waiting)
        self.notices_failing.set(failing)

    def exposition(self) -> bytes:
        """All of it as Prometheus text."""
        return generate_latest(self.registry)


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
