"""Whether an expression can read what `redact:` takes out.

Owns: a taint analysis of each expression's tree, in which the places of the payload that a value
may be stand for the value. A redacted place must not be read, nor what is below it; what holds one
further down may be entered, counted and tested for presence, but not used as a whole. Lists are
looked through, as in the paths. Refuses: to guess. An unknown function uses all its arguments, a
computed member name is any member, and an unknown tree reads everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce

from mappings.engine.cel.expression import Expression
from mappings.engine.cel.tree import (
    BY_NAME,
    Call,
    Constant,
    Fold,
    Items,
    Member,
    Members,
    Name,
    Number,
    Tree,
    TreeUnknown,
    tree_of,
)
from mappings.engine.redact.paths import HEADERS, PAYLOAD, Names, RedactPath

#: A computed name, which may be any.
_ANY = "*"

#: These give back (a part of) what they are given.
_PASSING = frozenset({"_+_", "dyn", "optional.of", "optional.ofNonZeroValue", "or", "orValue"})
_PASSING_METHODS = frozenset({"value"})
#: What they say of an object or list is the same with and without its redacted members.
_HARMLESS = frozenset({"hasValue", "optional.none", "size", "type"})
_ROUNDS_MAX = 20


@dataclass(frozen=True, slots=True)
class Conflict:
    """A redacted path that an expression reads at `read`; `as_whole`: in what is used there."""

    path: RedactPath
    read: Names
    as_whole: bool


@dataclass(frozen=True, slots=True)
class Taint:
    """What a value may be: places of the payload, and members that the expression made itself."""

    places: frozenset[Names] = frozenset()
    members: Mapping[str, Taint] = field(default_factory=dict)

    def __or__(self, other: Taint) -> Taint:
        names = {*self.members, *other.members}
        nothing = Taint()
        return Taint(
            self.places | other.places,
            {n: self.members.get(n, nothing) | other.members.get(n, nothing) for n in names},
        )

    @property
    def is_nothing(self) -> bool:
        """Whether nothing redacted can be in it."""
        return not self.places and all(member.is_nothing for member in self.members.values())

    def everywhere(self) -> frozenset[Names]:
        """Its places and those of all it was made of."""
        return self.places.union(*(member.everywhere() for member in self.members.values()))


_NOTHING = Taint()


def conflicts(
    expressions: Iterable[Expression], paths: Iterable[RedactPath], events: Taint | None = None
) -> frozenset[Conflict]:
    """What of `paths` the expressions can read; `events` is what `event` may be."""
    analysis = _Analysis(tuple(paths), events or _NOTHING)
    for expression in expressions:
        analysis.use(analysis.of(expression))
    return frozenset(analysis.found)


def taint_of(
    expression: Expression, paths: Iterable[RedactPath], events: Taint | None = None
) -> tuple[Taint, frozenset[Conflict]]:
    """What the expression's value may be, and what making it reads already.

    For `events` and for a `let`: either may stand for an object that holds a redacted member.
    """
    analysis = _Analysis(tuple(paths), events or _NOTHING)
    return analysis.of(expression), frozenset(analysis.found)


class _Analysis:
    """One pass over expressions; `found` collects the conflicts."""

    def __init__(self, paths: tuple[RedactPath, ...], events: Taint) -> None:
        self._paths = paths
        self._roots = {
            PAYLOAD: self._at((PAYLOAD,)),
            HEADERS: self._at((HEADERS,)),
            "event": events,
        }
        self.found: set[Conflict] = set()

    def of(self, expression: Expression) -> Taint:
        """What the expression's value may be."""
        try:
            return self._value(tree_of(expression), self._roots)
        except (TreeUnknown, RecursionError):
            self.use(reduce(Taint.__or__, self._roots.values()))
            return _NOTHING

    def use(self, value: Taint) -> Taint:
        """The value is used as a whole: it must hold nothing redacted."""
        for place in value.everywhere():
            for path in self._paths:
                if _leads_to(place, path.places):
                    self.found.add(Conflict(path, place, as_whole=True))
        return _NOTHING

    def _at(self, place: Names) -> Taint:
        """The value at a place, if something redacted is further down."""
        if any(_leads_to(place, path.places) for path in self._paths):
            return Taint(frozenset({place}))
        return _NOTHING

    def _member(self, value: Taint, name: str) -> Taint:
        found = _NOTHING
        for made in value.members if name == _ANY else {name, _ANY} & value.members.keys():
            found |= value.members[made]
        for place in value.places:
            here = (*place, name)
            for path in self._paths:
                if _is_within(here, path.places):
                    self.found.add(Conflict(path, here, as_whole=False))
            found |= self._at(here)
        return found

    def _value(self, tree: Tree, names: Mapping[str, Taint]) -> Taint:
        match tree:
            case Name(name):
                scope = self._roots if name.startswith(".") else names
                return scope.get(name.lstrip("."), _NOTHING)
            case Member(of, name, is_test):
                found = self._member(self._value(of, names), name)
                return _NOTHING if is_test else found
            case Call():
                return self._call(tree, names)
            case Fold():
                return self._fold(tree, names)
            case _:
                return self._written_out(tree, names)

    def _written_out(
        self, tree: Constant | Number | Items | Members, names: Mapping[str, Taint]
    ) -> Taint:
        match tree:
            case Constant():
                return _NOTHING
            case Number(inner):
                self._value(inner, names)
                return _NOTHING
            case Items(items):
                return self._all(items, names)
            case Members(entries):
                return self._made(entries, names)

    def _all(self, trees: Iterable[Tree], names: Mapping[str, Taint]) -> Taint:
        return reduce(Taint.__or__, (self._value(tree, names) for tree in trees), _NOTHING)

    def _made(self, entries: Iterable[tuple[Tree, Tree]], names: Mapping[str, Taint]) -> Taint:
        found = _NOTHING
        for key, inner in entries:
            self.use(self._value(key, names))
            value = self._value(inner, names)
            if not value.is_nothing:
                text = key.text if isinstance(key, Constant) else None
                found |= Taint(members={_ANY if text is None else text: value})
        return found

    def _call(self, call: Call, names: Mapping[str, Taint]) -> Taint:
        function, arguments = call.function, call.arguments
        if function in BY_NAME and len(arguments) == 2:  # noqa: PLR2004 - of what, and which
            return self._picked(*arguments, names)
        if function == "_?_:_":
            self.use(self._value(arguments[0], names))
            return self._all(arguments[1:], names)
        value = self._all(arguments, names)
        if function in _PASSING or (function in _PASSING_METHODS and len(arguments) == 1):
            return value
        return _NOTHING if function in _HARMLESS else self.use(value)

    def _picked(self, of: Tree, key: Tree, names: Mapping[str, Taint]) -> Taint:
        """A member by its name, or an item of a list by a whole number."""
        value = self._value(of, names)
        self.use(self._value(key, names))
        if isinstance(key, Number):
            return value
        text = key.text if isinstance(key, Constant) else None
        if text is not None:
            return self._member(value, text)
        return value | self._member(value, _ANY)

    def _fold(self, fold: Fold, names: Mapping[str, Taint]) -> Taint:
        over = self._value(fold.over, names)
        inside = {**names, **dict.fromkeys(fold.variables, over)}
        kept = self._value(fold.first, names)
        for _ in range(_ROUNDS_MAX):
            scope = {**inside, fold.kept: kept}
            self.use(self._value(fold.goes_on, scope))
            more = kept | self._value(fold.step, scope)
            if more == kept:
                return self._value(fold.result, {**names, fold.kept: kept})
            kept = more
        raise TreeUnknown


def _leads_to(place: Names, redacted: Names) -> bool:
    """Whether something redacted is further down than `place`."""
    return len(place) < len(redacted) and _agree(place, redacted)


def _is_within(place: Names, redacted: Names) -> bool:
    """Whether `place` is redacted, or below what is."""
    return len(place) >= len(redacted) and _agree(place, redacted)


def _agree(one: Names, other: Names) -> bool:
    return all(_ANY in (a, b) or a == b for a, b in zip(one, other, strict=False))
