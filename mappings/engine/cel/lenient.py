"""The lenient form of an expression: for what senders write where an object or a time belongs.

Owns: that text. Where a member is asked for, an empty list and `false` count as an object without
members (PHP writes `[]` for `{}` and often `false` for an absent object), and what is no object is
an error that names its place and type. `timestamp(text)` becomes the reader of `times.py`. It is
evaluated only where the expression as written gives an error, so nothing that has a value changes.
Refuses: to compile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mappings.engine.cel import text as celtext
from mappings.engine.cel.text import Token, closing

#: A variable without members: reading one of it raises an error that names what is not an object.
WRONG = "__wrong"
#: The function that reads a time.
TIME = "__timestamp"
_OF = "__of"
_OBJECT = "__object"
_KEY = "__key"
_BASE = "__base"
_ABSENT = "[dyn([]), false]"
_OPTIONAL = f"type(dyn({_OF})) == optional_type"
_LITERALS = frozenset({"true", "false", "null", "in"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A member that an expression asks for, and the text of what it asks it of."""

    of: str
    member: str


@dataclass(frozen=True, slots=True)
class Lenient:
    """The lenient texts of some expressions; `asked` has their members by number."""

    asked: list[Asked] = field(default_factory=list)

    def form(self, expression: str) -> str:
        """`expression`, lenient."""
        return _Writer(expression, self.asked).written(celtext.tokens(expression))


@dataclass(frozen=True, slots=True)
class _Writer:
    source: str
    asked: list[Asked]

    def written(self, found: Sequence[Token]) -> str:
        """The tokens with every chain of members in them rewritten."""
        parts: list[str] = []
        index = 0
        while index < len(found):
            begins = index
            if _begins_operand(found, index):
                text, index = self._chain(found, index)
            else:
                text, index = found[index].text, index + 1
            if begins and found[begins - 1].text == "in" and index > begins + 1:
                text = f"cel.bind({_OF}, dyn({text}), {_OF} == false ? dyn({{}}) : {_OF})"
            parts.append(text)
        return " ".join(parts)

    def _chain(self, found: Sequence[Token], index: int) -> tuple[str, int]:
        """The operand that begins at `index` with its members, calls and indexes, and its end."""
        begins = found[index].start
        text, index = self._operand(found, index)
        while index < len(found) and found[index].text in {".", "[", "{"}:
            of = self.source[begins : found[index - 1].end]
            text, index = self._step(found, index, text, of)
        return text, index

    def _operand(self, found: Sequence[Token], index: int) -> tuple[str, int]:
        token = found[index]
        following = found[index + 1].text if index + 1 < len(found) else ""
        if token.kind == "name" and following == "(":
            inside, end = self._inside(found, index + 1)
            arguments = celtext.arguments(found[index + 2 : end - 1])
            name = TIME if token.text == "timestamp" and len(arguments) == 1 else token.text
            return f"{name}({inside})", end
        if token.text in {"(", "[", "{"}:
            inside, end = self._inside(found, index)
            return f"{token.text}{inside}{found[end - 1].text}", end
        return token.text, index + 1

    def _inside(self, found: Sequence[Token], index: int) -> tuple[str, int]:
        """What stands between the bracket at `index` and its end, and the index behind that."""
        end = closing(found, index)
        end = len(found) - 1 if end is None else end
        return self.written(found[index + 1 : end]), end + 1

    def _step(self, found: Sequence[Token], index: int, text: str, of: str) -> tuple[str, int]:
        sign = found[index].text
        if sign == "{":
            inside, end = self._inside(found, index)
            return f"{text}{{{inside}}}", end
        behind = index + 1
        optional = "?" if behind < len(found) and found[behind].text == "?" else ""
        behind += len(optional)
        if sign == "[":
            inside, end = self._inside(found, index)
            key = inside.removeprefix("?").strip()
            numbered = self._object(
                of, f"[{self.source[found[behind].start : found[end - 2].end]}]"
            )
            if end == behind + 2 and found[behind].kind in {"string", "quoted"}:
                return f"{_wrapped(text, numbered)}[{optional}{key}]", end
            # `text` is bound: written twice, it would double with each index of a chain.
            of_key = f"type({_KEY}) == string ? {_wrapped(_BASE, numbered)} : dyn({_BASE})"
            value = f"cel.bind({_KEY}, dyn({key}), ({of_key})[{optional}{_KEY}])"
            return f"cel.bind({_BASE}, {text}, {value})", end
        name = found[behind].text if behind < len(found) else ""
        if behind + 1 < len(found) and found[behind + 1].text == "(":
            inside, end = self._inside(found, behind + 1)
            return f"{text}.{name}({inside})", end
        return f"{_wrapped(text, self._object(of, name))}.{optional}{name}", behind + 1

    def _object(self, of: str, member: str) -> int:
        self.asked.append(Asked(" ".join(of.split()), member))
        return len(self.asked) - 1


def _begins_operand(found: Sequence[Token], index: int) -> bool:
    token = found[index]
    if token.kind == "name":
        return token.text not in _LITERALS
    return token.kind in {"string", "quoted"} or token.text in {"(", "[", "{"}


def _wrapped(text: str, number: int) -> str:
    """`text` where it is an object or an optional one; an empty one for what counts as absent."""
    absent = f"{_OPTIONAL} ? dyn(optional.none()) : dyn({{}})"
    wrong = f'{WRONG}["{WRONG} {number} %s".format([type({_OBJECT})])]'
    judged = f"type({_OBJECT}) == map ? dyn({_OF}) : {_OBJECT} in {_ABSENT} ? ({absent}) : {wrong}"
    plain = f"{_OPTIONAL} ? dyn(dyn({_OF}).orValue({{}})) : dyn({_OF})"
    return f"cel.bind({_OF}, {text}, cel.bind({_OBJECT}, {plain}, {judged}))"
