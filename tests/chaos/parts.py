"""What a run is made of, and what is there while it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from tests.chaos.judge import Findings
from tests.chaos.monkey import Monkey
from tests.chaos.record import Record
from tests.chaos.report import Report
from tests.chaos.senders import Vendors
from tests.chaos.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a run is made of. `rate` is messages a second; `directory` must exist and be empty."""

    seconds: float
    seed: int
    directory: Path
    database: str = "postgres"
    rate: float = 15.0
    faults_per_minute: float = 25.0
    processes: int = 2


@dataclass
class Run:
    """What is there during a run."""

    config: Config
    site: Site
    record: Record
    vendors: Vendors
    monkey: Monkey
    engine: AsyncEngine
    findings: Findings
    report: Report
    waits: list[float] = field(default_factory=list)
