"""The numbers that Prometheus reads.

Owns their names, help and labels. Refuses labels that a sender can choose: a source that is not
configured is counted as `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
#: The gauges: help and labels.
_GAUGES: Mapping[str, tuple[str, ...]] = {
    "receiver_ready": ("1 while this process can commit a delivery.",),
    "receiver_health_problems": (
        "Problems found by each health check.",
        "check",
    ),
    "receiver_deliveries_by_state": ("All deliveries in the database, by state.", "state"),
    "receiver_oldest_received_age_seconds": (
        "Age of the oldest unsettled delivery; 0 without one.",
    ),
    "receiver_audit_found": (
        "Faults found by the last round of each audit.",
        "audit",
    ),
    "receiver_audit_age_seconds": ("How long ago the last round of each audit ended.", "audit"),
    "receiver_exceptions": ("Accepted and not billed as expected, by kind.", "kind"),
    "receiver_database_clock_offset_seconds": (
        "How far the database's clock is ahead of this process's.",
    ),
    "receiver_signed_lag_seconds": (
        "Median of how long ago recent requests of a source were signed.",
        "source",
    ),
    "receiver_data_dir_free_bytes": ("Free space on the disk of the data directory.",),
    "receiver_alerts_pending": ("Alerts waiting to be sent.",),
    "receiver_alerts_failing": ("Alerts rejected several times.",),
}


class Metrics:
    """The collectors of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.deliveries = self._counter(
            "receiver_deliveries",
            "Acknowledged deliveries, and repeats of them.",
            "answer",
        )
        self.rejections = self._counter(
            "receiver_rejections", "Rejected requests, by cause.", "cause"
        )
        self.verifications = self._counter(
            "receiver_verifications",
            "Verified requests, by the name of the secret: shows when an old one is out of use.",
            "secret",
        )
        self.intake_seconds = Histogram(
            "receiver_request_duration_seconds",
            "From a request's first byte here to the answer after its commit.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._gauges = {
            name: Gauge(name, description, labels, registry=self.registry)
            for name, (description, *labels) in _GAUGES.items()
        }

    def _counter(self, name: str, description: str, label: str) -> Counter:
        return Counter(name, description, ("source", label), registry=self.registry)

    def set(self, name: str, value: float) -> None:
        """Set the gauge of this name."""
        self._gauges[name].set(value)

    def set_each(self, name: str, values: Mapping[str, float]) -> None:
        """Set the gauge of this name for each label, and forget its other labels."""
        self._gauges[name].clear()
        for label, value in values.items():
            self._gauges[name].labels(label).set(value)

    def exposition(self) -> bytes:
        """All of it as Prometheus text."""
        return generate_latest(self.registry)


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
