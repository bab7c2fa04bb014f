"""When rejections jump: each source and cause against its own recent normal. Pure.

Owns what is normal: a running mean over spans of five minutes, which learns, so that what goes on
for hours is normal in the end. What is known is plain data, kept from one look to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SPAN_SECONDS = 300.0
#: How much the last span counts in the mean.
LEARN = 0.05
#: So many times its normal is a jump, and never fewer than the least.
FACTOR = 5.0
LEAST = 20
#: Scanners knock at paths that are no source all day.
LEAST_UNKNOWN = 200
UNKNOWN = "unknown"
#: Counts that were there before the first look are learnt from for so long before they are judged.
LEARNING_SPANS = 3

#: Source and cause → how many rejections there ever were.
Counts = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
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
        """The same once spans have passed since it was looked at last."""
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


def jumps(known: Mapping[str, Any], counts: Counts, at: float) -> tuple[list[Jump], dict[str, Any]]:
    """What jumps at the moment `at` (seconds), and what to know at the next look.

    `known` is what the last look gave, empty at the first.
    """
    is_first = not known
    found: list[Jump] = []
    kept: dict[str, Any] = {}
    for (source, cause), count in sorted(counts.items()):
        name = f"{source} {cause}"
        one = _known(known.get(name), count, at, is_first=is_first).rolled(count, at)
        kept[name] = asdict(one)
        jump = _jump(source, cause, one, count, at)
        if jump is not None:
            found.append(jump)
    # So that the next look is none that knows nothing, also where there was nothing yet.
    kept[""] = {}
    return found, kept


def _known(told: Any, count: int, at: float, *, is_first: bool) -> _Known:
    if told:
        return _Known(**told)
    start = count if is_first else 0
    learning = LEARNING_SPANS if is_first else 0
    return _Known(began=at, now=start, before=start, normal=0.0, learning=learning)


def _jump(source: str, cause: str, one: _Known, count: int, at: float) -> Jump | None:
    recent = count - one.before
    normal = 2 * one.normal
    least = LEAST_UNKNOWN if source == UNKNOWN else LEAST
    if one.learning or recent < max(least, FACTOR * normal):
        return None
    seconds = at - one.began + SPAN_SECONDS
    return Jump(source=source, cause=cause, count=recent, normal=normal, seconds=seconds)
