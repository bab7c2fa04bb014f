"""The values in a body, by the members that lead to them, and a body with some replaced.

Of JSON nothing changes but those values. Other bodies are changed by text, where the whole value
stands between other signs; a form is written again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from mappings.engine.payload import BodyRules, parse
from mappings.engine.payload.formats import Format, Recognised, recognised
from mappings.engine.redact.jsonspans import Span, json_lines_spans, json_spans
from mappings.engine.redact.paths import PAYLOAD, RedactPath, tree_of

Scalar = str | int | float
Names = tuple[str, ...]
_BY_SPANS = (Format.JSON, Format.CLOUD_EVENTS, Format.JSON_LINES)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text or number. `names` lead to it, lists looked through.

    `within` are the names of the text that it stands in, where that text is JSON itself.
    """

    names: Names
    value: Scalar
    within: Names | None = None

    @property
    def path(self) -> str:
        return ".".join(self.names)


def leaves_of(body: bytes, content_type: str | None, rules: BodyRules | None) -> list[Leaf]:
    """Every text and number in the body, each once. Raises PayloadError."""
    return list(dict.fromkeys(_walk(parse(body, content_type, rules), ())))


def replaced(
    body: bytes, content_type: str | None, rules: BodyRules | None, new: Mapping[Leaf, Scalar]
) -> bytes:
    """The body with those values in place of the leaves. Raises PayloadError, NotRedactable."""
    found = recognised(body, content_type, rules)
    if found.format in _BY_SPANS:
        return _by_spans(found, new).encode(found.codec)
    texts = {str(leaf.value): str(value) for leaf, value in new.items()}
    if found.format is Format.FORM:
        fields = parse_qsl(found.text, keep_blank_values=True)
        return urlencode([(name, _by_text(text, texts)) for name, text in fields]).encode()
    text = body.decode("utf-8", "surrogateescape")
    return _by_text(text, texts).encode("utf-8", "surrogateescape")


def _walk(value: Any, names: Names, within: Names | None = None) -> Iterator[Leaf]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, (*names, str(name)), within)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, names, within)
    elif isinstance(value, str) and within is None and (document := _document(value)) is not None:
        yield from _walk(document, names, within=names)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != "":
        yield Leaf(names, value, within)


def _document(text: str) -> dict[str, Any] | None:
    """The JSON object that a text holds, as in the `value` of a button."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _by_spans(found: Recognised, new: Mapping[Leaf, Scalar]) -> str:
    places = {leaf.within or leaf.names for leaf in new}
    tree = tree_of(RedactPath(PAYLOAD, names) for names in sorted(places))
    spans_of = json_lines_spans if found.format is Format.JSON_LINES else json_spans
    values = {(_token(leaf.value)): value for leaf, value in new.items() if leaf.within is None}
    inner = {str(leaf.value): str(value) for leaf, value in new.items() if leaf.within is not None}
    pieces, at = [], 0
    for span in spans_of(found.text, tree):
        pieces += [found.text[at : span.start], _written(found.text, span, values, inner)]
        at = span.end
    return "".join([*pieces, found.text[at:]])


def _written(text: str, span: Span, values: Mapping[str, Scalar], inner: Mapping[str, str]) -> str:
    """What stands in place of the span; its own text where nothing is to change."""
    own = text[span.start : span.end]
    if not isinstance(span.value, str):
        return own
    token = json.dumps(span.value) if own.startswith('"') else own
    if token in values:
        return _token(values[token])
    changed = _by_text(span.value, inner) if own.startswith('"') else span.value
    return own if changed == span.value else json.dumps(changed)


def _token(value: Scalar) -> str:
    """The value as JSON has it; of numbers, as they stand in most texts."""
    return json.dumps(value)


def _by_text(text: str, new: Mapping[str, str]) -> str:
    if not new:
        return text
    olds: Sequence[str] = sorted(new, key=len, reverse=True)
    pattern = "|".join(re.escape(old) for old in olds)
    return re.sub(rf"(?<![\w.+-])(?:{pattern})(?![\w.+-])", lambda found: new[found[0]], text)
