"""The text of CEL expressions: tokens, names, literal calls, operands.

Owns: what can be said of an expression without evaluating it, for `let`, for the checks at load
and for the trace. The compiler (`language.py`) decides what is valid; on text that it refuses
these functions return something harmless and never raise.
Lexis: https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|//[^\n]*)
    | (?P<string>
          (?:[rR][bB]?|[bB][rR])
          (?:\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)
            |"[^"\n]*(?:"|(?=\n)|\Z)|'[^'\n]*(?:'|(?=\n)|\Z))
        | [bB]?
          (?:\"{3}(?:\\.|.)*?(?:\"{3}|\Z)|'{3}(?:\\.|.)*?(?:'{3}|\Z)
            |"(?:\\.|[^"\\\n])*(?:"|(?=\n)|\Z)|'(?:\\.|[^'\\\n])*(?:'|(?=\n)|\Z)))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<quoted>`[^`\n]*`?)
    | (?P<number>(?:0x[0-9A-Fa-f]+|[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+)[uU]?)
    | (?P<sign>&&|\|\||==|!=|<=|>=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENING = {"(": ")", "[": "]", "{": "}"}
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
#: Comparisons that CEL answers with false, not with an error, across types.
EQUALITIES = frozenset({"==", "!=", "in"})
_MACROS = frozenset({"exists", "exists_one", "all", "filter"})
#: At the least: list . exists ( )
_MACRO_TOKENS = 5
#: Signs with no blank behind them, and those with none before them.
_TIGHT_BEHIND = frozenset("([{.!?")
_TIGHT = frozenset(")]}.,([?")
_NO_NAMES = frozenset({"true", "false", "null", "in"})


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression; `start` and `end` count characters from 0."""

    kind: str
    text: str
    start: int
    end: int


@lru_cache(maxsize=512)
def tokens(expression: str) -> tuple[Token, ...]:
    """The tokens of `expression`, without blanks and comments."""
    return tuple(
        Token(match.lastgroup or "", match.group(), match.start(), match.end())
        for match in _TOKEN.finditer(expression)
        if match.lastgroup != "space"
    )


def spaced(expression: str) -> str:
    """The expression with the same blanks however it was spaced, and without comments."""
    parts: list[str] = []
    before = "("
    for token in tokens(expression):
        parts += ["" if before in _TIGHT_BEHIND or token.text in _TIGHT else " ", token.text]
        before = token.text
    return "".join(parts)


def names(expression: str) -> frozenset[str]:
    """The variables and functions it may refer to (a few too many: names bound by macros)."""
    return frozenset(
        token.text for _, token in _names(tokens(expression)) if token.text not in _NO_NAMES
    )


def members(expression: str, variable: str) -> Iterator[tuple[str, int]]:
    """Each NAME in `variable.NAME`, with the place of NAME."""
    found = tokens(expression)
    for index, token in _names(found):
        match found[index + 1 : index + 3]:
            case Token(text="."), Token(kind="name") as member if token.text == variable:
                yield member.text, member.start


def literal_arguments(expression: str, function: str) -> Iterator[tuple[str, int]]:
    """Each literal text that is the first argument of a call of `function`, with its place."""
    found = tokens(expression)
    for index, token in _names(found):
        match found[index + 1 : index + 4]:
            case Token(text="("), Token(kind="string") as literal, Token(text="," | ")") if (
                token.text == function and (text := _plain_string(literal.text)) is not None
            ):
                yield text, literal.start


def end_of_expression(text: str, start: int) -> int | None:
    """Where the `}}` stands that ends the expression beginning at `start`; None without one.

    Braces, brackets and texts inside the expression may hold `}}` of their own.
    """
    depth = 0
    position = start
    while match := _TOKEN.match(text, position):
        sign = match.group()
        if match.lastgroup == "sign":
            if depth <= 0 and text.startswith("}}", match.start()):
                return match.start()
            depth += (sign in _OPENING) - (sign in _OPENING.values())
        position = match.end()
    return None


def closing(found: Sequence[Token], opening: int) -> int | None:
    """Where the bracket at `opening` is closed; None where it never is."""
    depth = 0
    for place in range(opening, len(found)):
        depth += _step(found[place])
        if depth == 0:
            return place
    return None


def arguments(inside: Sequence[Token]) -> list[list[Token]]:
    """The tokens between two brackets, divided at their commas."""
    groups: list[list[Token]] = [[]]
    depth = 0
    for token in inside:
        depth += _step(token)
        if depth == 0 and token.kind == "sign" and token.text == ",":
            groups.append([])
        else:
            groups[-1].append(token)
    return [group for group in groups if group]


def _step(token: Token) -> int:
    if token.kind != "sign":
        return 0
    return (token.text in _OPENING) - (token.text in _OPENING.values())


@dataclass(frozen=True, slots=True)
class Operand:
    """A part of a condition: `sign` is what joins its `parts`, "" for one that has none.

    For `list.exists(item, body)` and its kin the parts are list and body, and `variable` is item.
    """

    text: str
    sign: str = ""
    parts: tuple[Operand, ...] = ()
    variable: str = ""

    def comparisons(self) -> Iterator[Operand]:
        """The comparisons in it, those inside further `exists` left out."""
        if self.sign in EQUALITIES:
            yield self
        if not self.variable:
            for part in self.parts:
                yield from part.comparisons()


def operands(expression: str) -> Operand:
    """The condition taken apart at `||`, `&&`, `!` and comparisons, down to plain values."""
    return _taken_apart(expression, tokens(expression))


def _taken_apart(expression: str, found: Sequence[Token]) -> Operand:
    found = _unwrapped(found)
    if not found:
        return Operand("")
    text = expression[found[0].start : found[-1].end]
    depth_0 = _outside_brackets(found)
    if any(t.text == "?" and found[i - 1].text != "." for i, t in depth_0 if i):
        return Operand(text)
    for signs in ({"||"}, {"&&"}, _COMPARISONS):
        cuts = [i for i, t in depth_0 if t.kind in {"sign", "name"} and t.text in signs and i]
        if cuts:
            if signs is _COMPARISONS and len(cuts) > 1:
                return Operand(text)
            pieces = [found[a:b] for a, b in _between(cuts, len(found))]
            parts = tuple(_taken_apart(expression, piece) for piece in pieces)
            return Operand(text, found[cuts[0]].text, parts)
    if found[0].text == "!":
        return Operand(text, "!", (_taken_apart(expression, found[1:]),))
    return _macro(expression, found, [index for index, _ in depth_0]) or Operand(text)


def _macro(expression: str, found: Sequence[Token], outside: Sequence[int]) -> Operand | None:
    """`list.exists(item, body)` or its kin, if that is what the tokens are."""
    if len(outside) < _MACRO_TOKENS or found[-1].text != ")":
        return None
    dot, name, opening = outside[-4:-1]
    inside = found[opening + 1 : -1]
    shape = [token.text for token in (found[dot], found[opening], *inside[1:2])]
    if found[name].text not in _MACROS or shape != [".", "(", ","] or inside[0].kind != "name":
        return None
    text = expression[found[0].start : found[-1].end]
    ranged = _taken_apart(expression, found[:dot])
    body = _taken_apart(expression, inside[2:])
    return Operand(text, found[name].text, (ranged, body), inside[0].text)


def _between(cuts: Sequence[int], end: int) -> Iterator[tuple[int, int]]:
    start = 0
    for cut in (*cuts, end):
        yield start, cut
        start = cut + 1


def _unwrapped(found: Sequence[Token]) -> Sequence[Token]:
    """Without brackets around the whole."""
    while (
        len(found) > 1
        and found[0].text == "("
        and found[-1].text == ")"
        and [i for i, _ in _outside_brackets(found)] == [0, len(found) - 1]
    ):
        found = found[1:-1]
    return found


def _outside_brackets(found: Sequence[Token]) -> list[tuple[int, Token]]:
    """The tokens, with their indexes, that no bracket encloses (outer brackets included)."""
    depth = 0
    outside = []
    for index, token in enumerate(found):
        if token.kind == "sign" and token.text in _OPENING.values():
            depth -= 1
        if depth == 0:
            outside.append((index, token))
        if token.kind == "sign" and token.text in _OPENING:
            depth += 1
    return outside


def _names(found: Sequence[Token]) -> Iterator[tuple[int, Token]]:
    """The names that are no member's, with their indexes."""
    before = ""
    for index, token in enumerate(found):
        if token.kind == "name" and before != ".":
            yield index, token
        before = token.text if not (token.text == "?" and before == ".") else "."


def _plain_string(literal: str) -> str | None:
    """The text of a literal without prefix, escapes or triple quotes; else None."""
    inner = literal[1:-1]
    plain = len(literal) > 1 and literal[0] in "\"'" and literal[-1] == literal[0]
    return inner if plain and "\\" not in inner and literal[0] not in inner else None
