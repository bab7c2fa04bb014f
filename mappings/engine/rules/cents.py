"""Arithmetic under `value` that loses cents without an error.

Owns: finding it on the compiler's own tree, so that a `let`, a call or a branch hides nothing.
CEL divides whole numbers to whole numbers: 12050 / 100 is 120. And int() cuts off what is behind
the point. Refuses: nothing that is worked out in floating numbers, which keep 15 digits and fail
where a whole number comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mappings.engine.cel import text as celtext
from mappings.engine.cel.expression import Expression
from mappings.engine.cel.template import Template
from mappings.engine.cel.tree import (
    DOUBLE,
    TEXT,
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
    parts,
    tree_of,
)
from mappings.engine.reading.problems import Fault

_SIGNS: Mapping[str, str] = {"_/_": "/", "_%_": "%"}
_TO_WHOLE = frozenset({"int", "uint"})
_DIVISION = (
    "This divides whole numbers, which cuts off the cents: 12050 / 100 is 120.",
    'Write minor(x, "USD") to turn cents into decimal text, or double(x) / 100.0.',
)
_CUT = (
    "int() cuts off what is behind the point, so the cents are lost.",
    "Give the amount as it is: any decimal text or number is read exactly.",
)


@dataclass(frozen=True, slots=True)
class _Loss:
    """A place in a tree where cents can get lost: `sign` is how it is spelt."""

    sign: str

    @property
    def texts(self) -> tuple[str, str]:
        return _CUT if self.sign in _TO_WHOLE else _DIVISION


def lost_cents(template: Template) -> Iterator[Fault]:
    """Where an expression of a `value` loses cents."""
    position = 0
    for expression in template.expressions:
        position = template.text.find(expression.text, position)
        for loss in sorted(_losses(expression), key=lambda one: one.sign):
            yield _fault(expression, loss, position)


def _fault(expression: Expression, loss: _Loss, position: int) -> Fault:
    message, remedy = loss.texts
    for token in celtext.tokens(expression.text):
        if token.text == loss.sign:
            return Fault(position + token.start, message, remedy)
    for name, let in expression.lets.items():
        if any(token.text == loss.sign for token in celtext.tokens(let.text)):
            return Fault(position, f"{message.rstrip('.')} (in `let` {name}).", remedy)
    return Fault(position, message, remedy)


def _losses(expression: Expression) -> frozenset[_Loss]:
    try:
        return _in(tree_of(expression), {}, in_minor=False)
    except (TreeUnknown, RecursionError):
        texts = [expression.text, *(let.text for let in expression.lets.values())]
        seen = {token.text for text in texts for token in celtext.tokens(text)}
        return frozenset(_Loss(sign) for sign in _SIGNS.values() if sign in seen)


def _in(tree: Tree, names: Mapping[str, frozenset[_Loss]], *, in_minor: bool) -> frozenset[_Loss]:
    """What is lost on the way to the tree's value; `names` has that of bound variables."""
    match tree:
        case Constant() | Member(is_test=True):
            return frozenset()
        case Name(name):
            return names.get(name, frozenset())
        case Call():
            return _call(tree, names, in_minor=in_minor)
        case Fold():
            return _fold(tree, names, in_minor=in_minor)
        case Member() | Items() | Members() | Number():
            return _all(parts(tree), names, in_minor=in_minor)


def _all(
    trees: Iterable[Tree], names: Mapping[str, frozenset[_Loss]], *, in_minor: bool
) -> frozenset[_Loss]:
    return frozenset().union(*(_in(tree, names, in_minor=in_minor) for tree in trees))


def _call(call: Call, names: Mapping[str, frozenset[_Loss]], *, in_minor: bool) -> frozenset[_Loss]:
    function, arguments = call.function, call.arguments
    if function == "_?_:_":  # the condition decides, and is no part of the amount
        return _all(arguments[1:], names, in_minor=in_minor)
    found = _all(arguments, names, in_minor=in_minor or function == "minor")
    if function in _SIGNS and call.gives != DOUBLE:
        return found | {_Loss(_SIGNS[function])}
    if function in _TO_WHOLE and not in_minor and not all(map(_keeps_cents, arguments)):
        return found | {_Loss(function)}
    return found


def _keeps_cents(argument: Tree) -> bool:
    """Whether int() of it loses nothing: a whole number, or text, which fails where it is none."""
    match argument:
        case Number() | Constant(str()):
            return True
        case Call():
            return argument.gives == TEXT
        case _:
            return False


def _fold(fold: Fold, names: Mapping[str, frozenset[_Loss]], *, in_minor: bool) -> frozenset[_Loss]:
    over = _in(fold.over, names, in_minor=in_minor)
    first = _in(fold.first, names, in_minor=in_minor)
    inside = {**names, **dict.fromkeys(fold.variables, over), fold.kept: first}
    kept = first | _in(fold.step, inside, in_minor=in_minor)
    return _in(fold.result, {**names, fold.kept: kept}, in_minor=in_minor)
