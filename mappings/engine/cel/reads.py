"""What of a delivery an expression reads: which headers, which members, whether its time.

Owns that walk over the compiler's own tree, in which every `let` is written out. A name that is
worked out, a payload or event taken whole, or a tree that is not known, is read as `ANY`. Refuses
to judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mappings.engine.cel.expression import Expression
from mappings.engine.cel.tree import (
    BY_NAME,
    Call,
    Constant,
    Member,
    Name,
    Tree,
    TreeUnknown,
    tree_of,
    walk,
)

#: Any header or member: its name is not written out.
ANY = "*"
_HEADERS = "headers"
_PAYLOAD = ("payload", "event")


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
            nodes = list(walk(tree_of(expression)))
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
    if isinstance(node, Call) and node.function in BY_NAME:
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
