"""Random JSON documents, written in random ways, and random paths into them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from mappings.engine.redact.paths import MARK

NAMES = ("a", "b", "c")
#: Numbers as they are written: read and written again, some would change.
NUMBERS = ("0", "-1", "1.10", "1e2", "12345678901234567890123", "0.30000000000000004", "7")


@dataclass(frozen=True)
class Number:
    """A number by its digits."""

    digits: str


TEXTS = st.text(max_size=6)
SCALARS = st.none() | st.booleans() | st.sampled_from(NUMBERS).map(Number) | TEXTS
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=12,
).filter(lambda value: isinstance(value, (dict, list)))
PATHS = st.lists(
    st.tuples(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3), st.booleans()).map(
        lambda made: "payload." + ".".join(made[0]) + ("[*]" if made[1] else "")
    ),
    min_size=1,
    max_size=3,
)


#: The names that are left of a path, and whether it means the items of a list.
Rest = tuple[tuple[str, ...], bool]
Draw = Callable[[st.SearchStrategy[Any]], Any]


def written(value: Any, draw: Draw, paths: Sequence[Rest] = ()) -> tuple[str, str]:
    """JSON text for `value`, and the same with what `paths` name taken out.

    With blanks, escapes and repeated keys as drawn.
    """
    ends = [items for names, items in paths if not names]
    if isinstance(value, list):
        items = [written(item, draw, paths) for item in value]
        text = _enclosed("[]", items, draw)
    elif isinstance(value, dict):
        text = _enclosed("{}", list(_members(value, draw, paths)), draw)
    else:
        plain = value.digits if isinstance(value, Number) else _plain(value, draw)
        text = (plain, plain)
    is_gone = False in ends or (True in ends and not isinstance(value, list))
    return (text[0], f'"{MARK}"') if is_gone and value is not None else text


def _members(value: dict[str, Any], draw: Draw, paths: Sequence[Rest]) -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        below = [(names[1:], items) for names, items in paths if names[:1] == (name,)]
        for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
            head = f'"\\u00{ord(name):02x}"' if draw(st.booleans()) else f'"{name}"'
            head += draw(st.sampled_from([":", " :", ":\n "]))
            before, after = written(inner, draw, below)
            yield head + before, head + after


def _enclosed(brackets: str, items: list[tuple[str, str]], draw: Draw) -> tuple[str, str]:
    opening, closing = brackets[0], brackets[1]
    blank = draw(st.sampled_from(["", " ", "\n\t", "\r"]))
    first, second = (
        f"{blank},".join(texts) for texts in (zip(*items, strict=True) if items else ("", ""))
    )
    return opening + blank + first + blank + closing, opening + blank + second + blank + closing


def _plain(value: Any, draw: Draw) -> str:
    return json.dumps(value, ensure_ascii=draw(st.booleans()))
