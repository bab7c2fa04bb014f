"""XML and SOAP to plain values, without anything in the XML that reaches beyond it.

An element with neither attributes nor elements in it is its text. Any other is an object: its
attributes as `@name`, its elements by name, its text, if there is some, as `#text`. What stands
there several times is a list, in the order of the document. Namespaces and their prefixes are left
out of names. `xsi:nil` elements count as absent. Blanks around a text are left out. All is text.
Refuses: every DOCTYPE, and with it entities, external ones and those that grow without end.
"""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

from mappings.engine.payload.errors import DEPTH_MAX, PayloadError

#: Each level may be an object in a list.
ELEMENT_DEPTH_MAX = DEPTH_MAX // 2
_BLANKS = " \t\r\n"
_NIL = "http://www.w3.org/2001/XMLSchema-instance nil"
_DECLARED = re.compile(
    rb"""\A(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']"""
)


def declared_charset(body: bytes) -> str | None:
    """The encoding that an XML declaration names, unless it is one that it is not written in."""
    found = _DECLARED.match(body[:400])
    name = found.group(1).decode() if found else ""
    return None if name.lower().startswith(("utf-16", "ucs")) else name or None


def parse_xml(text: str) -> object:
    """`{"Root": …}`, whatever encoding `text` declares. Raises PayloadError."""
    reader = _Reader()
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(text.lstrip("\ufeff" + _BLANKS).encode("utf-8"), True)
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code) or expat.ErrorString(error.code)
        place = f"line {error.lineno}, column {error.offset + 1}"
        raise PayloadError(f"The body is not XML: {reason} ({place}).") from error
    return reader.root


class _Reader:
    """Builds the value as expat goes along; nothing here recurses."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[dict[str, Any]] = [self.root]
        self._texts: list[list[str]] = [[]]

    def refuse(self, *_: object) -> None:
        raise PayloadError("The XML has a DOCTYPE, which is refused: it can define entities.")

    def start(self, _: str, attributes: list[str]) -> None:
        if len(self._open) > ELEMENT_DEPTH_MAX:
            raise PayloadError(f"The XML is nested deeper than {ELEMENT_DEPTH_MAX} elements.")
        element: dict[str, Any] = {}
        for name, value in zip(attributes[::2], attributes[1::2], strict=True):
            _add(element, name if name == _NIL else f"@{_local(name)}", value.strip(_BLANKS))
        self._open.append(element)
        self._texts.append([])

    def text(self, text: str) -> None:
        self._texts[-1].append(text)

    def end(self, name: str) -> None:
        element = self._open.pop()
        text = "".join(self._texts.pop()).strip(_BLANKS)
        if element.pop(_NIL, "false") in {"true", "1"}:
            return
        if element and text:
            element["#text"] = text
        _add(self._open[-1], _local(name), element or text)


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _add(element: dict[str, Any], name: str, value: object) -> None:
    if name not in element:
        element[name] = value
    elif isinstance(element[name], list):
        element[name].append(value)
    else:
        element[name] = [element[name], value]
