"""The results that a replay gives to deliveries which it does not release.

What settles notes its own result: see `jobs/settling/replay_results.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The results of a delivery that a replay left as it is: compared, or without a body to settle.
UNCHANGED = "unchanged"
NO_BODY = "no-body"
#: The result of one that was not replayed: other mappings are in force than the replay names.
OTHER_MAPPINGS = "other-mappings"


def unreleased_result(delivery: Mapping[Any, Any]) -> str:
    """The result of a row of `deliveries` that was not released; `has_body` decides it."""
    return UNCHANGED if delivery["has_body"] else NO_BODY
