"""The monkey's plan: which fault strikes whom, when and for how long. Pure; made from a seed.

The same seed makes the same plan. Carrying it out is `tests.chaos.monkey`'s.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

#: How often each fault is chosen, by what it strikes. A `process` is a web process or a worker.
WEIGHTS = {
    "web": {"kill": 8, "stop": 5, "restart": 4, "skew": 4},
    "worker": {"kill": 10, "stop": 7, "restart": 4, "skew": 4},
    "valkey": {"kill": 4, "stop": 4, "flush": 6, "cut": 6, "fill": 3},
    "database": {"kill": 2, "stop": 3, "crash": 2, "cut": 5, "fill": 4, "lock": 5},
    "mappings": {"touch": 2, "edit": 3, "break": 2},
    "operator": {
        "replay failed": 2,
        "replay recorded": 1,
        "reverse": 4,
        "reinstate": 3,
        "rebill": 1,
    },
}
#: A file cannot be killed, stopped or filled up like a server.
SQLITE_WEIGHTS = WEIGHTS | {"database": {"lock": 12}}
#: Everything dead at once: so often, and once in any run.
BLACKOUT_SECONDS = 300.0
#: Stops and the like last so long: mostly a few seconds, at times longer than any lease.
LASTS_SECONDS = (1.0, 15.0, 2.5)
#: A worker stops for longer than its lease more often than not: then another has settled for it.
WORKER_LASTS_SECONDS = (1.0, 15.0, 9.0)
#: How many of the faults of a worker strike when a delivery is being settled, not just any time.
DURING_SETTLING = 0.7
#: Between two faults of the database it works for so long: nothing happens while it is away.
CALM_SECONDS = 6.0
#: A killed process is started again after so long.
DOWN_SECONDS = (0.0, 4.0)
#: Half the window of a signature would be 150 s; a worker may be off by hours.
SKEW_SECONDS = {"web": 120, "worker": 6 * 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. `number` names which of several web processes or workers is struck.

    `during_settling`: it waits a moment for a delivery that someone has taken up and not settled.
    """

    at: float
    target: str
    kind: str
    number: int
    seconds: float
    skew_seconds: int = 0
    during_settling: bool = False

    @property
    def name(self) -> str:
        return f"{self.target} {self.kind}"


def plan(
    seed: int, *, seconds: float, per_minute: float, database: str, processes: int
) -> list[Fault]:
    """Faults in the order of their times, from 2 s to 2 s before the end; by then all are over."""
    pick = random.Random(f"faults of {seed}")
    weights = SQLITE_WEIGHTS if database == "sqlite" else WEIGHTS
    names = {(target, kind): w for target, of in weights.items() for kind, w in of.items()}
    faults = [_blackout(pick, at) for at in _blackout_times(pick, seconds)]
    at, database_free_at = 2.0, 0.0
    while (at := at + pick.expovariate(per_minute / 60)) < seconds - 2:
        ((target, kind),) = pick.choices([*names], [*names.values()])
        while target == "database" and at < database_free_at:
            ((target, kind),) = pick.choices([*names], [*names.values()])
        fault = _fault(pick, at, target, kind, processes)
        faults.append(replace(fault, seconds=min(fault.seconds, max(1.0, seconds - at))))
        if target == "database":
            database_free_at = at + faults[-1].seconds + CALM_SECONDS
    return sorted(faults, key=lambda fault: fault.at)


def _blackout_times(pick: random.Random, seconds: float) -> list[float]:
    number = max(1, round(seconds / BLACKOUT_SECONDS))
    each = seconds / number
    return [each * (one + pick.uniform(0.2, 0.7)) for one in range(number)]


def _blackout(pick: random.Random, at: float) -> Fault:
    return Fault(
        at=at, target="all", kind="blackout", number=0, seconds=pick.uniform(*DOWN_SECONDS)
    )


def _fault(pick: random.Random, at: float, target: str, kind: str, processes: int) -> Fault:
    stops = WORKER_LASTS_SECONDS if target == "worker" else LASTS_SECONDS
    lasts = pick.uniform(*DOWN_SECONDS) if kind == "kill" else pick.triangular(*stops)
    furthest = SKEW_SECONDS.get(target, 0) if kind == "skew" else 0
    return Fault(
        at=at,
        target=target,
        kind=kind,
        number=pick.randrange(processes),
        seconds=lasts,
        skew_seconds=pick.randint(-furthest, furthest),
        during_settling=target == "worker" and pick.random() < DURING_SETTLING,
    )
