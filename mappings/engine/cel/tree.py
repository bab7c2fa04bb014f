"""A compiled expression as its tree, with macros and `let` names written out.

Owns: reading what the library hands out of a compiled expression, a CheckedExpr in protobuf's wire
format (https://github.com/google/cel-spec/blob/master/proto/cel/expr/checked.proto and
syntax.proto), so that what is said of an expression rests on the compiler and not on its text.
Refuses with TreeUnknown whatever it does not know; nothing is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from mappings.engine.cel.expression import Expression
from mappings.engine.common.errors import MappingsError

_CHECKED = b"type.googleapis.com/cel.expr.CheckedExpr"
_WHOLE_NUMBERS = frozenset({2, 3})  # Type.primitive: INT64, UINT64
#: Of Type.primitive as well.
DOUBLE = 4
TEXT = 5
_LENGTH_BY_WIRE_TYPE = {1: 8, 5: 4}
_ID = 2  # Expr.id
_CONSTANT_TEXT = 6  # Constant.string_value

#: A protobuf message by the numbers of its fields.
Fields = Mapping[int, list[bytes | int]]


class TreeUnknown(MappingsError):
    """The expression has a form that is not known here."""

    def __init__(self) -> None:
        super().__init__("the compiler's tree of the expression has an unknown form")


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal; `text` is None unless it is a string."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or a type's name."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """`of.name`, or `has(of.name)` with `is_test`."""

    of: Tree
    name: str
    is_test: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator; of a method, `arguments` begins with what it is called on.

    `gives` is the number of the primitive type of what it gives, 0 where that is another or open.
    """

    function: str
    arguments: tuple[Tree, ...]
    gives: int = 0


@dataclass(frozen=True, slots=True)
class Items:
    """A list written out."""

    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Members:
    """A map written out."""

    entries: tuple[tuple[Tree, Tree], ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """What every macro over a list or map becomes, and `cel.bind` too."""

    variables: tuple[str, ...]
    over: Tree
    kept: str
    first: Tree
    goes_on: Tree
    step: Tree
    result: Tree


@dataclass(frozen=True, slots=True)
class Number:
    """Anything that is certain to give a whole number, such as an index."""

    of: Tree


Tree = Constant | Name | Member | Call | Items | Members | Fold | Number

#: The functions that read a member or item: of what, and which.
BY_NAME = frozenset({"_[_]", "_[?_]", "_?._"})


def parts(tree: Tree) -> tuple[Tree, ...]:
    """What the tree is made of, one level down."""
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


def walk(tree: Tree) -> Iterator[Tree]:
    """The tree and all that is in it, from the top."""
    yield tree
    for part in parts(tree):
        yield from walk(part)


def tree_of(expression: Expression) -> Tree:
    """The tree of the whole expression. Raises TreeUnknown."""
    packed = _fields(expression.program.serialize())
    if _one(packed, 1) != _CHECKED:
        raise TreeUnknown
    checked = _fields(_one(packed, 2))
    return _Reader(dict(_primitive_types(checked.get(3, ())))).read(_one(checked, 4))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads Expr messages; `primitive` are the types of those that give a primitive one, by id."""

    primitive: Mapping[int, int]

    def read(self, message: bytes) -> Tree:
        fields = _fields(message)
        identity = fields.pop(_ID, [0])[0]
        if len(fields) != 1:
            raise TreeUnknown
        ((kind, (body,)),) = fields.items()
        make = self._MAKERS.get(kind)
        if make is None or not isinstance(body, bytes):
            raise TreeUnknown
        tree = make(self, _fields(body))
        gives = self.primitive.get(identity, 0) if isinstance(identity, int) else 0
        if isinstance(tree, Call):
            tree = replace(tree, gives=gives)
        return Number(tree) if gives in _WHOLE_NUMBERS else tree

    def _constant(self, fields: Fields) -> Tree:
        text = _CONSTANT_TEXT in fields
        return Constant(_one(fields, _CONSTANT_TEXT).decode() if text else None)

    def _name(self, fields: Fields) -> Tree:
        return Name(_one(fields, 1).decode())

    def _member(self, fields: Fields) -> Tree:
        is_test = bool(fields.get(3, [0])[0])
        return Member(self.read(_one(fields, 1)), _one(fields, 2).decode(), is_test)

    def _call(self, fields: Fields) -> Tree:
        arguments = [*fields.get(1, ()), *fields.get(3, ())]
        return Call(_one(fields, 2).decode(), tuple(map(self._read, arguments)))

    def _items(self, fields: Fields) -> Tree:
        return Items(tuple(map(self._read, fields.get(1, ()))))

    def _members(self, fields: Fields) -> Tree:
        return Members(tuple(map(self._entry, fields.get(2, ()))))

    def _read(self, message: bytes | int) -> Tree:
        if not isinstance(message, bytes):
            raise TreeUnknown
        return self.read(message)

    def _entry(self, message: bytes | int) -> tuple[Tree, Tree]:
        if not isinstance(message, bytes):
            raise TreeUnknown
        fields = _fields(message)
        return self.read(_one(fields, 3)), self.read(_one(fields, 4))

    def _fold(self, fields: Fields) -> Tree:
        names = (_one(fields, number).decode() for number in (1, 8) if number in fields)
        return Fold(
            variables=tuple(names),
            over=self.read(_one(fields, 2)),
            kept=_one(fields, 3).decode(),
            first=self.read(_one(fields, 4)),
            goes_on=self.read(_one(fields, 5)),
            step=self.read(_one(fields, 6)),
            result=self.read(_one(fields, 7)),
        )

    #: By the field of Expr that holds it.
    _MAKERS: ClassVar[Mapping[int, Callable[[_Reader, Fields], Tree]]] = {
        3: _constant,
        4: _name,
        5: _member,
        6: _call,
        7: _items,
        8: _members,
        9: _fold,
    }


def _primitive_types(types: list[bytes | int] | tuple[()]) -> Iterator[tuple[int, int]]:
    """The ids of the expressions that give a primitive type, and which."""
    for entry in types:
        if not isinstance(entry, bytes):
            raise TreeUnknown
        fields = _fields(entry)
        identity = fields.get(1, [0])[0]
        kind = _fields(_one(fields, 2)).get(3, [0])[0]
        if kind and isinstance(kind, int) and isinstance(identity, int):
            yield identity, kind


def _one(fields: Fields, number: int) -> bytes:
    """The one bytes field of that number; an absent one is empty, as protobuf has it."""
    found = fields.get(number, [b""])
    if len(found) != 1 or not isinstance(found[0], bytes):
        raise TreeUnknown
    return found[0]


def _fields(message: bytes) -> dict[int, list[bytes | int]]:
    """The fields of a protobuf message by number. Raises TreeUnknown if it is malformed."""
    fields: dict[int, list[bytes | int]] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire_type = key & 7
        value: bytes | int
        if wire_type == 0:
            value, at = _varint(message, at)
        else:
            length = _LENGTH_BY_WIRE_TYPE.get(wire_type)
            if wire_type == 2:  # noqa: PLR2004 - length-delimited
                length, at = _varint(message, at)
            if length is None or at + length > len(message):
                raise TreeUnknown
            value = message[at : at + length]
            at += length
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the sign that none follows
            return value, at
        shift += 7
    raise TreeUnknown
