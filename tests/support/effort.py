"""How hard the property tests try: a little each time, the same each time; `long` when asked.

`PROPERTIES=long make test` draws forty times as many examples, new ones each time.
"""

from __future__ import annotations

import os

from hypothesis import settings

#: No deadlines: what is slow is slow because others run beside it; bounds have tests of their own.
settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("long", max_examples=2000, deadline=None)
CHOSEN = os.environ.get("PROPERTIES", "quick")
settings.load_profile(CHOSEN)


def examples(quick: int) -> settings:
    """For a property that needs more or fewer examples than others."""
    return settings(max_examples=quick * (40 if CHOSEN == "long" else 1))
