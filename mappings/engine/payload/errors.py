"""What every format shares: the one error, the bounds, and the character that stands for NUL.

Refuses: to know any format.
"""

from __future__ import annotations

from mappings.engine.common.errors import MappingsError

#: How deep the value may be nested, lists and objects counted.
DEPTH_MAX = 64
#: How many fields a form may have.
FIELDS_MAX = 1000
#: What CEL can hold: its int and uint are 64 bits wide.
INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**64 - 1

_FOR_NUL = "\x01"


class PayloadError(MappingsError):
    """The body cannot be read; the message is one sentence."""


def without_nul(text: str) -> str:
    r"""`text` with U+0001 for each NUL.

    cel-expr-python 0.1.3 cuts every text at its first NUL, and then "7\0x" would bill as "7".
    An id may hold neither, so such an id fails, and a comment does not.
    """
    return text.replace("\0", _FOR_NUL)
