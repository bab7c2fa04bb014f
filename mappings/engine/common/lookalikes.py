"""Identifiers that a person may confuse.

Owns: `skeleton`, which is equal for identifiers that look alike: they differ in case, in hyphens,
underscores, dots and blanks, in accents, in 0 and O or 1 and l, or in letters of other scripts that
have the same shape (a small part of https://www.unicode.org/reports/tr39/). Refuses: to say that
they are the same. They are billed as different identifiers; a person is asked to look.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from mappings.engine.common.identifiers import REFUSED

#: Greek capitals whose small letters have another shape.
_CAPITALS = str.maketrans("ΒΖΗΚΜΝΡΥΧ", "BZHKMNPYX")  # noqa: RUF001 - look-alikes on purpose
#: Small Cyrillic and Greek letters, and digits, to the Latin letters of the same shape.
_SHAPES = str.maketrans(
    "авсԁеһіјкмнорԛѕтухүѵԝ" + "αιονρυ" + "01",  # noqa: RUF001 - look-alikes on purpose
    "abcdehijkmhopqstyxyvw" + "aiovpu" + "ol",
)
_ACCENT = re.compile("[\u0300-\u036f]")
#: Blanks, dashes of every kind, underscores and dots; invisible characters count as well.
_SEPARATORS = re.compile(rf"[\s\-_.\u2010-\u2015\u2212{REFUSED}]+")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)-(?=\d)")


def skeleton(identifier: str) -> str:
    """A text that is equal for identifiers that look alike; good for comparing alone.

    A separator between two digits counts, so that `2024-1` does not look like `20241`.
    """
    decomposed = unicodedata.normalize("NFKD", identifier)
    letters = _ACCENT.sub("", decomposed).translate(_CAPITALS).casefold()
    joined = _BETWEEN_DIGITS.sub("/", _SEPARATORS.sub("-", letters))
    return joined.replace("-", "").translate(_SHAPES) or decomposed


def lookalikes(identifiers: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The groups of two or more different identifiers that look alike, each group sorted."""
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for identifier in identifiers:
        groups[skeleton(identifier)].add(identifier)
    return tuple(sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1))
