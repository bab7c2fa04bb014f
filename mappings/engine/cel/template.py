"""Text with `${{ CEL }}` in it.

Owns: finding the expressions, compiling each, and putting the text together. Refuses: to decide
which values may stand in a field; that is the field's own business (`rules.fields`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mappings.engine.cel import text as celtext
from mappings.engine.cel.language import Expression, ExpressionError, Language, Lets
from mappings.engine.reading.problems import Fault

_OPEN = "${{"
_CLOSE = "}}"
_NEARLY = ("{{", "}}", "${", "$(", "<%")


@dataclass(frozen=True, slots=True)
class Template:
    """A field's text taken apart: texts and expressions in turn."""

    text: str
    parts: tuple[str | Expression, ...]

    @property
    def literal(self) -> str | None:
        """The text itself if no expression is in it."""
        return self.text if not self.expressions else None

    @property
    def expressions(self) -> tuple[Expression, ...]:
        return tuple(part for part in self.parts if isinstance(part, Expression))

    @property
    def single(self) -> Expression | None:
        """The expression if it is all there is, so that its value keeps its type."""
        first = self.parts[0] if len(self.parts) == 1 else None
        return first if isinstance(first, Expression) else None


def compile_template(text: str, language: Language, lets: Lets) -> Template:
    """Compile a field's text. Raises ExpressionError with offsets within `text`."""
    parts: list[str | Expression] = []
    faults: list[Fault] = []
    behind = 0
    for start, end in _places(text):
        _take_literal(text[behind : start - len(_OPEN)], behind, parts, faults)
        behind = end + len(_CLOSE)
        try:
            parts.append(language.compile(text[start:end].strip(), lets))
        except ExpressionError as error:
            lead = len(text[start:end]) - len(text[start:end].lstrip())
            faults += [replace(one, offset=one.offset + start + lead) for one in error.faults]
    literal, opening, _ = text[behind:].partition(_OPEN)
    _take_literal(literal, behind, parts, faults)
    if opening:
        place = behind + len(literal)
        faults.append(Fault(place, "This `${{` is never closed.", "Add `}}` behind it."))
    if faults:
        raise ExpressionError(faults)
    return Template(text, tuple(parts))


def expressions(text: str) -> list[str]:
    """The expressions in a field's text, as written; an unclosed one is left out."""
    return [text[start:end].strip() for start, end in _places(text)]


def spaced(text: str) -> str:
    """A field's text with its expressions as `celtext.spaced` has them."""
    parts: list[str] = []
    behind = 0
    for start, end in _places(text):
        parts += [text[behind:start], f" {celtext.spaced(text[start:end])} "]
        behind = end
    return "".join([*parts, text[behind:]])


def _places(text: str) -> Iterator[tuple[int, int]]:
    """Where each expression begins and ends, between its brackets."""
    start = text.find(_OPEN)
    while start >= 0:
        inner = start + len(_OPEN)
        end = celtext.end_of_expression(text, inner)
        if end is None:
            return
        yield inner, end
        start = text.find(_OPEN, end + len(_CLOSE))


def _take_literal(
    literal: str, position: int, parts: list[str | Expression], faults: list[Fault]
) -> None:
    """A text between expressions; other languages' brackets would be billed as they stand."""
    parts += [literal] if literal else []
    sign = next((sign for sign in _NEARLY if sign in literal), None)
    if sign is not None:
        offset = position + literal.index(sign)
        message = f"`{sign}` is not an expression here; it would stay as it is."
        faults.append(Fault(offset, message, "Write ${{ … }}."))
