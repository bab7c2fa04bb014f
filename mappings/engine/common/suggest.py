"""The name that was probably meant: one notion of it for files, commands and the API.

Owns: how near a name has to be to be suggested. A suggestion is followed, so it is made only for a
typing slip: another spelling (`once-per`, `Zendesk`), or a letter or two wrong. Names that differ
in a number or by a prefix that reverses the meaning (`agent-1`, `unapproved`) are other names, and
of two that are equally near neither is suggested. Refuses: to know what names stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Names listed where none is near.
MOST_NAMES = 10
#: A slip of one letter is likely from the first length on, of two from the second on.
_ONE_SLIP = 3
_TWO_SLIPS = 6
_SEPARATORS = re.compile(r"[\s_.-]+")
_PLURAL = re.compile(r"ies$")
_DIGITS = re.compile(r"\d+")
_TURNED = ("un", "re", "dis", "de", "in", "non", "not", "no", "pre")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` was meant to be, if it is plain that it was."""
    slips = {name: _slips(word, name) for name in known}
    least = min((count for count in slips.values() if count is not None), default=None)
    near = [name for name, count in slips.items() if count is not None and count == least]
    return near[0] if len(near) == 1 else None


def completed(word: str, known: Iterable[str]) -> list[str]:
    """Those of `known` that begin with `word`; without any, the nearest."""
    names = list(known)
    begun = [name for name in names if name.startswith(word)] if word else []
    near = nearest(word, names)
    return begun or ([near] if near is not None else [])


def hint(word: str, known: Iterable[str]) -> str:
    """`did you mean NAME?`, or which names there are."""
    names = list(known)
    near = nearest(word, names)
    if near is not None:
        return f"did you mean {near}?"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"there are {', '.join(names[:MOST_NAMES])}{more}" if names else "there are none yet"


def _slips(word: str, name: str) -> int | None:
    """How many letters of the one differ from the other; None for a name of its own."""
    one, other = (_SEPARATORS.sub("-", text.strip().casefold()) for text in (word, name))
    if _plain(one) == _plain(other):
        return 0
    if _DIGITS.findall(one) != _DIGITS.findall(other) or _turns(one, other) or _turns(other, one):
        return None
    shorter = min(len(one), len(other))
    most = (shorter >= _ONE_SLIP) + (shorter >= _TWO_SLIPS)
    distance = _distance(one, other, most)
    return distance if distance <= most else None


def _plain(name: str) -> str:
    """Without what is between words, and in the singular."""
    return _PLURAL.sub("y", name).removesuffix("s").replace("-", "")


def _turns(one: str, other: str) -> bool:
    """Whether a syllable before one of its words is all that the other has besides."""
    if len(other) <= len(one):
        return False
    parts, others = one.split("-"), other.split("-")
    differing = [(a, b) for a, b in zip(parts, others, strict=False) if a != b]
    if len(parts) != len(others) or len(differing) != 1:
        return False
    ((a, b),) = differing
    return any(b == f"{syllable}{a}" for syllable in _TURNED)


def _distance(one: str, other: str, most: int) -> int:
    """Letters put in, left out, changed or swapped with a neighbour; more than `most` if more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before_that, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, before_that[j - 2] + 1)
            row.append(best)
        if min(row) > most:
            return most + 1
    return row[-1]
