"""`receiver` under a clock that is wrong: `python -m tests.chaos.skewed SECONDS serve …`.

Shifts what Python tells of the time (`time.time`, `datetime.now`), not monotonic clocks: as on a
machine whose clock was set wrong. What compiled libraries ask the system for stays right.
"""

from __future__ import annotations

import sys
import time

import time_machine

from receiver.cli import main

if __name__ == "__main__":
    shift_seconds = int(sys.argv.pop(1))
    time_machine.travel(time.time() + shift_seconds, tick=True).start()
    main()
