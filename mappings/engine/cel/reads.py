"""What of a delivery an expression reads: which headers, which members, whether its time.

Owns that walk over the compiler's own tree, in which every `let` is written out. A name that is
worked out, a payload or event taken whole, or a tree that is not known, is read as `ANY`. Refuses
to judge.
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
    Member,
    Members,
    Name,
    Number,
    Tree,
    TreeUnknown,
    tree_of,
)

#: Any header or member: its name is not written out.
ANY = "*"
_HEADERS = "headers"
_PAYLOAD = ("payload", "event")
_BY_NAME = frozenset({"_[_]", "_[?_]", "_?._"})


@dataclass(frozen=True, slots=True)
class Reads:
    """`names` are variables, `headers` and `members` what is asked for by name."""

    names: frozenset[str]
    headers: frozenset[str]
    members: frozenset[str]


def reads_of(expressions: Iterable[Expression]) -> Reads:
    """What the expressions read together."""
    names: set[str] = set()
    headers: set[str] = set()
    members: set[str] = set()
    for expression in expressions:
        try:
            nodes = list(_nodes(tree_of(expression)))
        except (TreeUnknown, RecursionError):
            nodes = []
            headers.add(ANY)
            members.add(ANY)
        for node in nodes:
            of, name = _asked(node)
            if isinstance(node, Name):
                names.add(node.name.lstrip("."))
            if name is not None:
                members.add(name)
            if _is_variable(of, _HEADERS):
                headers.add((name or ANY).lower())
            if name is None and _is_variable(of, *_PAYLOAD):
                members.add(ANY)
        if _takes_whole(nodes, _HEADERS):
            headers.add(ANY)
        if _takes_whole(nodes, *_PAYLOAD):
            members.add(ANY)
    return Reads(frozenset(names), frozenset(headers), frozenset(members))


def _asked(node: Tree) -> tuple[Tree | None, str | None]:
    """What the node asks for a member, and the member's name where it is written out."""
    if isinstance(node, Member):
        return node.of, node.name
    if isinstance(node, Call) and node.function in _BY_NAME:
        of, key = node.arguments[:2]
        return of, key.text if isinstance(key, Constant) else None
    if isinstance(node, Call) and node.function == "@in":
        key, of = node.arguments
        return of, key.text if isinstance(key, Constant) else None
    return None, None


def _takes_whole(nodes: list[Tree], *variables: str) -> bool:
    """Whether one of the variables stands elsewhere than where a member is asked of it."""
    stands = sum(_is_variable(node, *variables) for node in nodes)
    return stands > sum(_is_variable(_asked(node)[0], *variables) for node in nodes)


def _is_variable(node: Tree | None, *variables: str) -> bool:
    return isinstance(node, Name) and node.name.lstrip(".") in variables


def _nodes(tree: Tree) -> Iterator[Tree]:
    """The tree and all that is in it."""
    yield tree
    for inner in _inside(tree):
        yield from _nodes(inner)


def _inside(tree: Tree) -> tuple[Tree, ...]:
    match tree:
        case Member(of=of) | Number(of=of):
            return (of,)
        case Call(arguments=inner) | Items(items=inner):
            return inner
        case Members(entries=entries):
            return tuple(part for entry in entries for part in entry)
        case Fold():
            return (tree.over, tree.first, tree.goes_on, tree.step, tree.result)
        case _:
            return ()
