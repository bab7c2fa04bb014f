"""What a crash test is: a function that brings a process to its end and reports what holds after.

To cover a new step, add a function to a module in `tests/crashes/scenarios/` (a new module is
found by itself):

    @crashes("commit in jobs.purge:purge", kills="command")
    def a_purge_is_cut_off(stage: Stage) -> None:
        '''The customer is erased or is not, and a second `purge` finishes it.'''
        ...                                  # what has to be there first
        stage.doomed("purge", "--customer", stage.customer, "--yes")
        stage.run("purge", "--customer", stage.customer, "--yes")
        ...                                  # what must hold

Its docstring goes to docs/reliability.md by `python -m tests.crashes --write`. It runs once for
each moment of the site. The suite asserts by itself that a process died by SIGKILL exactly there
and was started again, that all is settled then, that what was acknowledged is there, and that the
books are right: see `tests.crashes.stage` and `tests.crashes.books`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.crashes.points import MOMENTS

if TYPE_CHECKING:
    from tests.crashes.stage import Stage

Play = Callable[["Stage"], None]
ROLES = ("web", "worker", "command")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How a process of role `kills` is brought to a site, and what holds after."""

    kind: str
    place: str
    kills: str
    play: Play
    passing: int = 1
    moments: Sequence[str] = ()
    tuned: Mapping[str, Any] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.play.__name__

    @property
    def shows(self) -> str:
        """What is asserted, in words."""
        return " ".join((self.play.__doc__ or "").split())


_found: list[Scenario] = []


def crashes(
    site: str,
    *,
    kills: str,
    passing: int = 1,
    moments: Sequence[str] = (),
    tuned: Mapping[str, Any] | None = None,
    faults: Mapping[str, str] | None = None,
) -> Callable[[Play], Play]:
    """Make the function a scenario of the site `<kind> in <place>`.

    `kills` names which process dies: `web`, `worker` or `command`. See `tests.crashes.doomed.Plan`
    for `passing`, `tuned` and `faults`; `moments` are all that the site has unless some are named.
    """
    kind, _, place = site.partition(" in ")

    def keep(play: Play) -> Play:
        assert kills in ROLES, f"{kills!r} is none of {ROLES}"
        assert (play.__doc__ or "").strip(), f"{play.__name__} does not say what it shows"
        _found.append(
            Scenario(
                kind=kind,
                place=place,
                kills=kills,
                play=play,
                passing=passing,
                moments=tuple(moments) or tuple(MOMENTS[kind]),
                tuned=tuned or {},
                faults=faults or {},
            )
        )
        return play

    return keep


def scenarios() -> list[Scenario]:
    """All there are; those that kill the same kind of process stand together."""
    for path in sorted(Path(__file__).with_name("scenarios").glob("*.py")):
        importlib.import_module(f"tests.crashes.scenarios.{path.stem}")
    return sorted(_found, key=lambda one: (ROLES.index(one.kills), one.kind, one.place, one.name))
