"""The parameters of a header's value: what stands behind its first `;`."""

from __future__ import annotations

import re

HEADER_BYTES_MAX = 4096
#: An open quote reaches to the end: one that must be closed costs a pass for each that is not.
_VALUE = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*(?:"|\\?\Z))+', re.DOTALL)
_PARAMETER = re.compile(r';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')


def single(header: str) -> str:
    """The value of a header that came several times with one value, which a server joins by commas.

    Differing values are left as they are: which of them counts is unknown.
    """
    values: list[str] = [value.strip() for value in _VALUE.findall(header[:HEADER_BYTES_MAX])]
    types = {value.partition(";")[0].strip().lower() for value in values}
    with_parameters = {value for value in values if ";" in value}
    if len(types) != 1 or len(with_parameters) > 1:
        return header
    return next(iter(with_parameters), values[0])


def parameters(header: str) -> dict[str, str]:
    """Values by lower-case name; the first of a repeated one."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(header[:HEADER_BYTES_MAX]):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain)
    return found
