"""The real command line, in which mapping a body with `poison` kills the process.

No mapping is known that does so: this stands for a fault of a library in native code. Leases are
shorter, so that a test need not wait.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from jobs.settling import retry
from mappings.engine.loading.mapping_set import MappingSet
from receiver.cli import main

harmless = MappingSet.map


def deadly(self: MappingSet, delivery: Any) -> Any:
    """Map, or die."""
    if b'"poison"' in delivery.body:
        os.kill(os.getpid(), signal.SIGKILL)
    return harmless(self, delivery)


if __name__ == "__main__":
    retry.LEASE_SECONDS = 1.0
    MappingSet.map = deadly  # type: ignore[method-assign]
    main()
