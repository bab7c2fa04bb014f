"""Failures of one cause: which details differ only in values, and the id of such a group. Pure.

Owns what counts as one cause. The id is kept with the delivery when it fails, so that a filter can
take a whole group.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

#: What settling adds about the delivery as a whole, behind the cause itself.
_ABOUT_DELIVERY = re.compile(
    r"( \(\d+ more of its events fail\))?( \(holds back \d+ good outcomes?\))?$"
)
#: What varies within one cause, and what is kept although it looks so.
_VARYING = re.compile(
    r"""
      (?P<kept> `[^`]*[ (][^`]*` | \btable\ "[^"]*" )  # an expression as written, a table's name
    | (?P<quoted> "(?:[^"\\]|\\.)*" | (?<!\w)'(?:[^'\\]|\\.)*'(?!\w) )  # isn't quotes nothing
    | (?P<triple> \S+\ /\ \S+\ /\ \S+?(?=[,;.]?(?:\s|$)) )  # agent / customer / indicator
    | (?P<numbered> [\w@+-]*\d(?:[\w@+:.-]*\w)? )  # a number, a time, an id
    """,
    re.VERBOSE,
)
#: Longer details differ in values, not in cause.
LONGEST_CAUSE = 1_000
_INSTEAD = {"quoted": '"…"', "triple": "… / … / …", "numbered": "…"}
#: Hexadecimal digits of a group's id: 48 bits tell apart more causes than an installation has.
ID_CHARS = 12


def group_id(source: str, reason: str, rule: str | None, detail: str | None) -> str:
    """The id of the group that a failure belongs to: the same for all failures of one cause."""
    parts = (source, reason, rule or "", collapse(detail or ""))
    text = "\0".join(parts).encode("utf-8", "replace")
    return hashlib.sha256(text).hexdigest()[:ID_CHARS]


def collapse(detail: str) -> str:
    """The detail without what differs from one delivery to the next of the same cause."""
    return _VARYING.sub(
        lambda match: _INSTEAD.get(match.lastgroup or "", match[0]), _cause_of(detail)
    )


def values_of(detail: str) -> tuple[str, ...]:
    """What `collapse` takes out, in its order."""
    matches = _VARYING.finditer(_cause_of(detail))
    return tuple(match[0] for match in matches if match.lastgroup in _INSTEAD)


def shared(values: Sequence[str | None], others: Sequence[str]) -> tuple[str | None, ...]:
    """The values that both have, and None where they differ."""
    if len(values) != len(others):
        return (None,) * len(values)
    return tuple(
        value if value == other else None for value, other in zip(values, others, strict=True)
    )


def collapse_but(detail: str, values: Sequence[str | None]) -> str:
    """The detail with only those values taken out that are None in `values`.

    What all failures of a group have in common, such as a limit or an example in the remedy, is not
    a value of one delivery: it stays readable, and can be copied.
    """
    left = iter(values)

    def written(match: re.Match[str]) -> str:
        instead = _INSTEAD.get(match.lastgroup or "")
        if instead is None:
            return match[0]
        return next(left, None) or instead

    return _VARYING.sub(written, _cause_of(detail))


def _cause_of(detail: str) -> str:
    return _ABOUT_DELIVERY.sub("", detail)[:LONGEST_CAUSE]
