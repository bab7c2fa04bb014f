"""What bills once: the outcome key, and what may stand in it.

Owns: the text of a key and the rules for identifying values. Two outcomes are one and the same
exactly if their key texts are equal, so the text is JSON: no value can imitate another's border.
Refuses: everything that two readers could take for different things (blank, invisible, cut).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence

VALUE_CHARS_MAX = 256
#: PostgreSQL's B-tree rows end at 2704 bytes; a longer key could not be made unique there.
KEY_BYTES_MAX = 2600


def outcome_key(*, source: str, rule: str, scope: str | None, values: Sequence[str]) -> str:
    """The compact JSON text `["SOURCE","RULE",value…]`, or `["SCOPE","",value…]`.

    `rule` is the name of the charge's rule (the oldest in `was`, if it was renamed), also for a
    reversal. A rule's name is never empty, so a scope is never taken for a source.
    """
    head = [source, rule] if scope is None else [scope, ""]
    return json.dumps([*head, *values], ensure_ascii=False, separators=(",", ":"))


def value_fault(text: str) -> str | None:
    """Why `text` cannot identify anything, as part of a sentence; None if it can."""
    if not text:
        return "it is empty"
    if all(unicodedata.category(character)[0] in "ZC" for character in text):
        return "it is blank"
    if len(text) > VALUE_CHARS_MAX:
        return f"it has {len(text)} characters, more than {VALUE_CHARS_MAX}"
    for character in text:
        category = unicodedata.category(character)
        if category == "Cc":
            return f"it has a control character (U+{ord(character):04X})"
        if category == "Cs":
            return f"it has half a character (U+{ord(character):04X})"
    return None


def key_fault(key: str) -> str | None:
    """Why the whole `key` will not do; None if it will."""
    size = len(key.encode("utf-8"))
    if size > KEY_BYTES_MAX:
        return f"the outcome's key has {size} bytes, more than {KEY_BYTES_MAX}"
    return None
