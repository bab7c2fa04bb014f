"""The parameters of a header's value: what stands behind its first `;`."""

from __future__ import annotations

import re

HEADER_BYTES_MAX = 4096
_PARAMETER = re.compile(r';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')


def parameters(header: str) -> dict[str, str]:
    """Values by lower-case name; the first of a repeated one."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(header[:HEADER_BYTES_MAX]):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain)
    return found
