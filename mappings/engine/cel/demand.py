"""How much memory evaluating expressions on a payload can take, known before it is evaluated.

Owns the estimate: from the compiler's tree, which loops build or search something in each step, and
from the payload, how many items such a loop may go through and how long its texts are. Refuses to
guess low: an expression of unknown form counts as a loop in a loop over single characters.

Measured of cel-expr-python 0.1.3 (2026-11): `map` and `filter` copy their list in every step and
free nothing before the evaluation ends, 16 bytes an item: 1,000 items take 17 MB, 9,990 take
1.6 GB. Texts that a step builds add up alike. The budget of 10,000 steps an expression counts
steps, not what they build. `exists` and `all` build nothing. A step that searches a text or list
takes time instead, with no other thread running: it counts alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mappings.engine.cel.expression import Expression
from mappings.engine.cel.tree import (
    Call,
    Constant,
    Fold,
    Items,
    Members,
    Number,
    Tree,
    TreeUnknown,
    parts,
    tree_of,
)

#: An evaluation that may take more than this is not made in a process that does other work.
IN_PROCESS_BYTES = 32 * 1024 * 1024
STEPS_MAX = 10_000
_ITEM_BYTES = 16
#: In a step these neither build a text or list nor go through one.
_CHEAP = frozenset(
    {
        *("_&&_", "_||_", "!_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_?_:_"),
        *("_[_]", "_[?_]", "_?._", "optional.of", "optional.none", "orValue", "or", "hasValue"),
        *("value", "startsWith", "endsWith", "type", "dyn"),
        *("@not_strictly_false", "not_strictly_false"),
    }
)
#: What a text is split at where that cannot be known: every character.
_ANYWHERE = ""


@dataclass(frozen=True, slots=True)
class Demand:
    """How expressions can grow: `depth` loops in one another that build or search in each step.

    `texts`: it may be a text, not just a longer list. `separators` are what they
    make lists of texts at; "" stands for every character. `growth` is how many times as long a text
    can get without a loop: by `replace` and `join` with texts that are written out, one on another.
    """

    depth: int = 0
    texts: bool = False
    separators: frozenset[str] = frozenset()
    growth: int = 1

    def bytes_for(self, body_bytes: int, values: Iterable[object]) -> int:
        """The most that one evaluation may take, with these values, read from such a body."""
        grown = self.growth * body_bytes if self.growth > 1 else 0
        if not self.depth:
            return grown
        whole = self._bytes(body_bytes, body_bytes)
        if whole > IN_PROCESS_BYTES:
            whole = self._bytes(*_extent(values, self.separators))
        return max(whole, grown)

    def _bytes(self, items: int, chars: int) -> int:
        steps: int = min(items**self.depth, STEPS_MAX)
        return steps * (_ITEM_BYTES * min(items, STEPS_MAX) + chars * self.texts * self.growth)


UNKNOWN = Demand(2, texts=True, separators=frozenset({_ANYWHERE}))


def demand_of(expressions: Iterable[Expression]) -> Demand:
    """The demand of the most demanding of these, each with the `let` names it uses."""
    found = [_demand(expression) for expression in expressions]
    return Demand(
        max((demand.depth for demand in found), default=0),
        any(demand.texts for demand in found),
        frozenset[str]().union(*(demand.separators for demand in found)),
        max((demand.growth for demand in found), default=1),
    )


def _demand(expression: Expression) -> Demand:
    try:
        tree = tree_of(expression)
    except TreeUnknown:
        return UNKNOWN
    depth, growth = _depth(tree), _growth(tree)
    if not depth:
        return Demand(growth=growth)
    return Demand(depth, _loops_over_texts(tree), frozenset(_separators(tree)), growth)


def _growth(tree: Tree) -> int:
    """How many times as long as a text of the payload one of the tree's texts can be."""
    inner = max(map(_growth, _parts(tree)), default=1)
    match tree:
        case Call(function="replace", arguments=(_, old, Constant(text=str(new)), *_)):
            length = len(old.text) if isinstance(old, Constant) and old.text else 0
            return inner * (-(-len(new) // length) or 1 if length else len(new) + 1)
        case Call(function="join", arguments=(_, Constant(text=str(between)))):
            return inner * (len(between) + 1)
        case _:
            return inner


def _depth(tree: Tree) -> int:
    inner = max(map(_depth, _parts(tree)), default=0)
    match tree:
        case Fold():
            return max(inner, _loop_depth(tree))
        case Call(function="replace", arguments=(_, _, with_text, *_)):
            return max(inner, 0 if isinstance(with_text, Constant) else 1)
        case Call(function="join", arguments=(_, between)):
            return max(inner, 0 if isinstance(between, Constant) else 1)
        case _:
            return inner


def _loops_over_texts(tree: Tree) -> bool:
    match tree:
        case Fold() if tree.over != Items(()) and (
            _builds_texts(tree.step) or _builds_texts(tree.goes_on)
        ):
            return True
        case Call(function="replace" | "join") if _depth(tree):
            return True
        case _:
            return any(map(_loops_over_texts, _parts(tree)))


def _loop_depth(loop: Fold) -> int:
    """How deep the loop is: 0 for `cel.bind`, and where no step builds anything."""
    if loop.over == Items(()):
        return 0
    in_step = max(_depth(loop.step), _depth(loop.goes_on))
    builds = in_step or _builds(loop.step) or _builds(loop.goes_on)
    return 1 + in_step if builds else 0


def _builds(tree: Tree) -> bool:
    """Whether something is built or searched; a list of literals is neither."""
    match tree:
        case Items(items=items) if not all(isinstance(item, Constant) for item in items):
            return True
        case Members():
            return True
        case _:
            return _calls(tree) or any(map(_builds, _parts(tree)))


def _calls(tree: Tree) -> bool:
    match tree:
        case Call(function="@in", arguments=(_, Items())):
            return False
        case Call(function=function):
            return function not in _CHEAP
        case _:
            return False


def _builds_texts(tree: Tree) -> bool:
    """Whether something else is built than a list that grows by items."""
    match tree:
        case Call(function="_+_", arguments=(Items(), _) | (_, Items())):
            is_text = False
        case _:
            is_text = _calls(tree)
    return is_text or any(map(_builds_texts, _parts(tree)))


def _separators(tree: Tree) -> Iterator[str]:
    """What lists are made of texts at, by `split` and `json`, and by loops over characters."""
    match tree:
        case Call(function="split", arguments=(_, Constant(text=str(separator)), *_)):
            yield separator
        case Call(function="json"):
            yield ","
        case Call(function=name) if name == "split" or (
            name in {"replace", "join"} and _depth(tree)
        ):
            yield _ANYWHERE
        case _:
            pass
    for part in _parts(tree):
        yield from _separators(part)


def _parts(tree: Tree) -> tuple[Tree, ...]:
    """The tree's parts, without a call that is certain to give a number: it builds nothing."""
    match tree:
        case Number(of=Call(arguments=arguments)):
            return arguments
        case _:
            return parts(tree)


def _extent(values: Iterable[object], separators: frozenset[str]) -> tuple[int, int]:
    """The items of the longest list or object in the values, and the length of the longest text."""
    items = chars = 0
    waiting = [list(values)]
    while waiting:
        for value in waiting.pop():
            if isinstance(value, str):
                chars = max(chars, len(value))
                if len(value) > items:
                    pieces = (value.count(separator) + 1 for separator in separators)
                    items = max(items, *pieces, 0)
            elif isinstance(value, (list, dict)):
                items = max(items, len(value))
                waiting.append([*value, *value.values()] if isinstance(value, dict) else value)
    return items, chars
