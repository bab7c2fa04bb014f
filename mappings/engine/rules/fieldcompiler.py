"""The expressions and texts of a mapping file, compiled and checked one by one.

Owns: what a single value shows at load: that it compiles, gives an allowed type, uses only tables
that exist, and is not an expression without its brackets. Refuses: to know rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mappings.engine.cel import text as celtext
from mappings.engine.cel.language import Expression, ExpressionError, Language, Lets
from mappings.engine.cel.template import Template, compile_template
from mappings.engine.common.errors import InvalidValue, shown
from mappings.engine.common.identifiers import illegible, unfit
from mappings.engine.common.suggest import nearest
from mappings.engine.reading.positions import Path
from mappings.engine.reading.problems import Fault, ProblemReport
from mappings.engine.rules.cents import lost_cents
from mappings.engine.rules.fields import (
    CURRENCY,
    KEY,
    NAME,
    TAG,
    TAG_CHARS_MAX,
    VALUE,
    Field,
    FieldKind,
    kind_faults,
)

_NAME_REMEDY = "Write a name: 1 to 256 visible characters in form NFC, no blank at an end."
_CALL = re.compile(r"(?:id|lookup|json|string)\(")
_MEMBER = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)[.\[]")


@dataclass(frozen=True, slots=True)
class FieldCompiler:
    """Compiles values of one file; what is wrong goes into the report.

    `tables` are those that exist; None leaves unchecked which are used.
    """

    language: Language
    lets: Lets
    report: ProblemReport
    tables: frozenset[str] | None

    def expression(
        self, path: Path, text: str, kinds: frozenset[str], noun: str
    ) -> Expression | None:
        """Bare CEL at `path`, which must give one of `kinds`."""
        try:
            compiled = self.language.compile(text, self.lets)
        except ExpressionError as error:
            self.report.inside(path, text, error.faults)
            return None
        self.check_tables(path, text, compiled)
        if compiled.kind not in kinds:
            self.report.at_value(
                path, f"`{path[-1]}` never gives {noun}.", "Compare something with ==."
            )
            return None
        return compiled

    def check_tables(self, path: Path, text: str, expression: Expression) -> None:
        """Report look-ups in tables that do not exist, where the name is written out."""
        tables = self.tables
        if tables is None:
            return
        start = text.find(expression.text)
        for name, offset in celtext.literal_arguments(expression.text, "lookup"):
            if name not in tables:
                close = nearest(name, tables)
                known = ", ".join(sorted(tables)) or "none"
                remedy = f"Write {close!r}" if close else f"Make tables/{shown(name)}.yaml"
                message = f"There is no table `{shown(name)}`."
                fault = Fault(start + offset, message, f"{remedy}; there are: {known}.")
                self.report.inside(path, text, [fault])

    def field(
        self, kind: FieldKind, path: Path, text: str | None, name: str, *, constant: bool = True
    ) -> Field | None:
        if text is None:
            return None
        try:
            template = compile_template(text, self.language, self.lets)
        except ExpressionError as error:
            self.report.inside(path, text, error.faults)
            return None
        for expression in template.expressions:
            self.check_tables(path, text, expression)
        self.report.inside(path, text, kind_faults(kind, template))
        if kind is VALUE:
            self.report.inside(path, text, lost_cents(template))
        if template.literal is not None:
            self._check_literal(kind, path, template, constant=constant)
        elif kind in (NAME, KEY):
            self._check_pieces(path, template)
        return Field(name, kind, template)

    def _check_pieces(self, path: Path, template: Template) -> None:
        """Texts between expressions may begin and end with a blank, and are fit beside that."""
        for part in template.parts:
            fault = illegible(part.strip(" ") or "-") if isinstance(part, str) else None
            if fault is not None:
                message = f"This cannot identify anything: {fault.message}."
                self.report.at_value(path, message, _NAME_REMEDY)

    def _check_literal(
        self, kind: FieldKind, path: Path, template: Template, *, constant: bool
    ) -> None:
        text = template.text
        if self._reads_like_cel(text):
            self.report.at_value(
                path,
                f"`{shown(text)}` is taken literally, not as an expression.",
                "Write ${{ … }} around it.",
            )
        elif not constant:
            self.report.at_value(
                path, "This is the same for every event.", "Write ${{ … }} with the event's own."
            )
        elif kind in (NAME, KEY) and (fault := unfit(text)):
            self.report.at_value(
                path, f"This cannot identify anything: {fault.message}.", _NAME_REMEDY
            )
        elif kind is TAG and len(text) > TAG_CHARS_MAX:
            self.report.at_value(
                path, f"The tag has more than {TAG_CHARS_MAX} characters.", "Shorten it."
            )
        elif kind in (VALUE, CURRENCY):
            try:
                kind.convert(text)
            except InvalidValue as error:
                remedy = f"{error.remedy[0].upper()}{error.remedy[1:]}."
                self.report.at_value(path, f"{error.message}.", remedy)

    def _reads_like_cel(self, text: str) -> bool:
        heads = {"payload", "event", "headers", "vars", "received_at", *self.lets.compiled}
        member = _MEMBER.match(text)
        return bool(_CALL.match(text)) or (member is not None and member[1] in heads)
