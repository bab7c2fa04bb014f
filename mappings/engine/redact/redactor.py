"""A proven request without the values that `redact:` names, before anything of it is stored.

Owns the promise that only those values' bytes are replaced: whatever else was sent stays as it
came. Refuses with NotRedactable a body in which they cannot be found for certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mappings.engine.payload.errors import PayloadError
from mappings.engine.payload.formats import BodyRules, Format, Recognised, recognised
from mappings.engine.redact.formspans import form_spans
from mappings.engine.redact.jsonspans import Span, json_lines_spans, json_spans, scalars
from mappings.engine.redact.paths import HEADERS, MARK, Node, NotRedactable, RedactPath, tree_of

_DATA = "data"
_PACKED = {"data_base64": "its CloudEvent has its data in base64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """What is left of a request: `count` values were taken out, `taken` are they as text.

    `taken` has the texts and numbers inside an object that went whole, too.
    """

    body: bytes
    headers: dict[str, str]
    count: int
    taken: frozenset[str]


@dataclass(frozen=True)
class Redactor:
    """The paths of one mapping file, ready to be applied to bodies that are read by its rules."""

    paths: tuple[RedactPath, ...]
    rules: BodyRules | None = None

    def apply(self, body: bytes, headers: Mapping[str, str]) -> Redacted:
        """The request without the values. Names of headers are lower-case.

        Raises NotRedactable, and nothing else; time and memory grow no faster than the body.
        """
        hidden = self._headers & headers.keys()
        spans: Sequence[Span] = ()
        if self._tree.names and body.strip():
            found = _recognised(body, headers.get("content-type"), self.rules)
            spans = self._spans(found)
            body = _without(body, found, spans) if spans else body
        return Redacted(
            body=body,
            headers={name: MARK if name in hidden else text for name, text in headers.items()},
            count=len(spans) + len(hidden),
            taken=frozenset(headers[name] for name in hidden).union(
                *(scalars(span.value) for span in spans)
            ),
        )

    @cached_property
    def _tree(self) -> Node:
        return tree_of(self.paths)

    @cached_property
    def _event_tree(self) -> Node:
        """For CloudEvents, whose `data` may be hidden from the walk."""
        return tree_of(self.paths, refused=_PACKED if _DATA in self._tree.names else None)

    @cached_property
    def _headers(self) -> frozenset[str]:
        return frozenset(path.names[0] for path in self.paths if path.root == HEADERS)

    def _spans(self, found: Recognised) -> list[Span]:
        match found.format:
            case Format.FORM:
                return form_spans(found.text, found.charset, self._tree)
            case Format.JSON_LINES:
                return json_lines_spans(found.text, self._tree)
            case Format.JSON:
                return json_spans(found.text, self._tree)
            case Format.CLOUD_EVENTS:
                return json_spans(found.text, self._event_tree)
            case other:
                raise NotRedactable(f"it is {other}, in which values cannot be redacted")


def redactor_of(paths: Iterable[RedactPath], rules: BodyRules | None = None) -> Redactor | None:
    """The redactor of these paths; None where there are none."""
    found = tuple(paths)
    return Redactor(found, rules) if found else None


def _recognised(body: bytes, content_type: str | None, rules: BodyRules | None) -> Recognised:
    try:
        return recognised(body, content_type, rules)
    except PayloadError:
        raise NotRedactable("it is not text in a supported charset") from None


def _without(body: bytes, found: Recognised, spans: Sequence[Span]) -> bytes:
    """The body with each span replaced, in the charset it came in."""
    pieces: list[str] = []
    at = 0
    for span in spans:
        pieces += [found.text[at : span.start], span.mark]
        at = span.end
    if found.text.encode(found.codec) != body:  # UTF-16 of the other byte order
        raise NotRedactable("it is in a charset that cannot be written again byte for byte")
    return "".join([*pieces, found.text[at:]]).encode(found.codec)
