"""What bills once: the outcome key, and what may stand in it.

Owns: the text of a key and how long it may be. Two outcomes are one and the same exactly if their
key texts are equal, so the text is JSON: no value can imitate another's border. Refuses: to judge
the values in it (`mappings.engine.common.identifiers` does).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

#: PostgreSQL's B-tree rows end at 2704 bytes; a longer key could not be made unique there.
KEY_BYTES_MAX = 2600


def outcome_key(*, source: str, rule: str, scope: str | None, values: Sequence[str]) -> str:
    """The compact JSON text `["SOURCE","RULE",value…]`, or `["SCOPE","",value…]`.

    `rule` is the name of the charge's rule (the oldest in `was`, if it was renamed), also for a
    reversal. A rule's name is never empty, so a scope is never taken for a source.
    """
    head = [source, rule] if scope is None else [scope, ""]
    return json.dumps([*head, *values], ensure_ascii=False, separators=(",", ":"))


def key_fault(key: str) -> str | None:
    """Why the whole `key` is unusable; None if it is usable."""
    size = len(key.encode("utf-8"))
    if size > KEY_BYTES_MAX:
        return f"the outcome's key has {size} bytes, more than {KEY_BYTES_MAX}"
    return None
