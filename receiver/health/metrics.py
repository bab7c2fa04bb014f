"""The numbers that Prometheus reads.

Owns their names, help and labels. Refuses labels that a sender can choose: a source that is not
configured is counted as `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from jobs.audits.results import AuditStatus

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
            "Problems that each health check found, by its name; 0 is none.",
            ["check"],
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
            "What was taken and not billed as may be expected, by kind.",
            ["kind"],
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

        self.alerts_waiting = Gauge(
            "receiver_alerts_pending",
            "Alerts that wait to be sent.",
            registry=self.registry,
        )
        self.alerts_failing = Gauge(
            "receiver_alerts_failing",
            "Alerts that were posted several times and not accepted.",
            registry=self.registry,
        )

    def show_health(self, *, is_ready: bool, problems: Mapping[str, int]) -> None:
        """Set what the health checks found last: how many problems, by check."""
        self.ready.set(is_ready)
        for name, number in problems.items():
            self.problems.labels(name).set(number)

    def show_states(self, states: Mapping[str, int], oldest_seconds: float | None) -> None:
        """Set what was last counted in the database."""
        for state, count in states.items():
            self.states.labels(state).set(count)
        self.oldest_received_seconds.set(oldest_seconds or 0.0)

    def show_audits(self, audits: Sequence[AuditStatus], *, now: datetime) -> None:
        """Set what the audits last found, and when that was."""
        for audit in audits:
            if audit.checked_at is not None:
                self.audit_found.labels(audit.name).set(audit.found)
                age = max((now - audit.checked_at).total_seconds(), 0.0)
                self.audit_age_seconds.labels(audit.name).set(age)

    def show_exceptions(self, counts: Mapping[str, int]) -> None:
        """Set how many exceptions there are, by kind."""
        for kind, count in counts.items():
            self.exceptions.labels(kind).set(count)

    def show_surroundings(
        self, *, offset_seconds: float, lags: Mapping[str, tuple[float, int]], free_bytes: int
    ) -> None:
        """Set what clocks and disk were last found to be; `lags` are medians and numbers."""
        self.clock_offset_seconds.set(offset_seconds)
        self.signed_lag_seconds.clear()
        for source, (lag, _) in lags.items():
            self.signed_lag_seconds.labels(source).set(lag)
        self.free_bytes.set(free_bytes)

    def show_alerts(self, *, waiting: int, failing: int) -> None:
        """Set how many alerts are not sent yet, and how many of those fail."""
        self.alerts_waiting.set(waiting)
        self.alerts_failing.set(failing)

    def exposition(self) -> bytes:
        """All of it as Prometheus text."""
        return generate_latest(self.registry)


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
