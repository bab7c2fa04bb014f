"""Spikes of rejections: each source and cause against its own recent normal. Pure.

Owns what is normal: a running mean over spans of five minutes, which learns, so that a level that
lasts for hours is normal in the end. What is known is plain data, kept from round to round.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jobs.common.problem import Problem
from jobs.intake.rejections import UNKNOWN_SOURCE
from jobs.queries.sources.silence import span

SPAN_SECONDS = 300.0
#: How much the last span counts in the mean.
LEARN = 0.05
#: So many times its normal is a spike, and never fewer than the least.
FACTOR = 5.0
LEAST = 20
#: Scanners call paths that are no source all day.
LEAST_UNKNOWN = 200
#: Counts from before the first round are learnt from for so long before they are judged.
LEARNING_SPANS = 3

#: Source and cause → how many rejections there ever were.
Counts = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """So many rejections in the last `seconds`, where `normal` is usual in that time."""

    source: str
    cause: str
    count: int
    normal: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """Of one source and cause: the counts at the start of this span and of the one before."""

    began: float
    now: int
    before: int
    normal: float
    learning: int

    def rolled(self, count: int, at: float) -> _Known:
        """The same once spans have passed since the last round."""
        known = self
        spans = int((at - known.began) // SPAN_SECONDS)
        if spans <= 0:
            return known
        # What is judged has not been learnt yet: the span that has just ended, and this one.
        normal = _learnt(known.normal, known.now - known.before)
        if spans > 1:
            normal = _learnt(normal, count - known.now) * (1 - LEARN) ** min(spans - 2, 10_000)
        return _Known(
            began=known.began + spans * SPAN_SECONDS,
            now=count,
            before=known.now if spans == 1 else count,
            normal=normal,
            learning=max(known.learning - spans, 0),
        )


def _learnt(normal: float, number: int) -> float:
    return normal + (number - normal) * LEARN


def spikes(
    known: Mapping[str, Any], counts: Counts, at: float
) -> tuple[list[Spike], dict[str, Any]]:
    """What spikes at the moment `at` (seconds), and what to know in the next round.

    `known` is what the last round gave, empty in the first.
    """
    is_first = not known
    found: list[Spike] = []
    kept: dict[str, Any] = {}
    for (source, cause), count in sorted(counts.items()):
        name = f"{source} {cause}"
        before = _known(known.get(name), count, at, is_first=is_first).rolled(count, at)
        kept[name] = asdict(before)
        spike = _spike(source, cause, before, count, at)
        if spike is not None:
            found.append(spike)
    # Never empty, so that the next round is not taken for the first.
    kept[""] = {}
    return found, kept


def _known(stored: Any, count: int, at: float, *, is_first: bool) -> _Known:
    if stored:
        return _Known(**stored)
    start = count if is_first else 0
    learning = LEARNING_SPANS if is_first else 0
    return _Known(began=at, now=start, before=start, normal=0.0, learning=learning)


def _spike(source: str, cause: str, known: _Known, count: int, at: float) -> Spike | None:
    recent = count - known.before
    normal = 2 * known.normal
    least = LEAST_UNKNOWN if source == UNKNOWN_SOURCE else LEAST
    if known.learning or recent < max(least, FACTOR * normal):
        return None
    seconds = at - known.began + SPAN_SECONDS
    return Spike(source=source, cause=cause, count=recent, normal=normal, seconds=seconds)


def spike_problem(spike: Spike) -> Problem:
    """The problem to alert on."""
    words = ["receiver", "rejections", "--source", spike.source, "--cause", spike.cause]
    return Problem(
        f"{spike.count} requests of {spike.source} were refused as {spike.cause} within "
        f"{span(spike.seconds)}; normally it is {spike.normal:.0f}",
        commands=(shlex.join(words),),
        subject=f"{spike.source}:{spike.cause}",
        labels={
            "source": spike.source,
            "cause": spike.cause,
            "count": spike.count,
            "normal": round(spike.normal, 1),
        },
    )
