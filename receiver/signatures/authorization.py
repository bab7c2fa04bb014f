"""The one reader of `Authorization` (RFC 9110 11.4, before it RFC 7235 2.1).

The scheme's name is case-insensitive, and one or more spaces stand behind it.
"""

from __future__ import annotations

import re

NAME = "authorization"
_BLANKS = " \t"
#: A prefix that names a scheme (`Bearer `), not one that is glued to what follows (`token=`).
_SCHEME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+ *")


def credentials(value: str) -> tuple[str, str]:
    """The scheme's name in lower case, and what follows it; no name where it is all one word."""
    name, blank, rest = value.strip(_BLANKS).partition(" ")
    return (name.lower(), rest.strip(_BLANKS)) if blank else ("", name)


def names_scheme(header: str, prefix: str) -> bool:
    """Whether the prefix of values in that header is the name of an authentication scheme."""
    return header.lower() == NAME and _SCHEME.fullmatch(prefix) is not None


def behind(header: str, prefix: str, value: str) -> str | None:
    """What follows the prefix in the header's value; None where it does not begin with it.

    Compared as it stands, save for the name of a scheme in `Authorization`.
    """
    if names_scheme(header, prefix):
        name, rest = credentials(value)
        return rest if name == prefix.strip().lower() else None
    return value.removeprefix(prefix) if value.startswith(prefix) else None


def prefixed(header: str, prefix: str, text: str) -> str:
    """The header's value as a vendor writes it; the counterpart of `behind`."""
    return f"{prefix.strip()} {text}" if names_scheme(header, prefix) else prefix + text
