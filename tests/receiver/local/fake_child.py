"""A child of `receiver up` that does nothing but what its arguments say."""

from __future__ import annotations

import signal
import sys
import time

from receiver.local import lifeline


def linger(*_: object) -> None:
    time.sleep(0.3)
    sys.exit()


if __name__ == "__main__":
    behaviour = sys.argv[1:]
    if "portable" in behaviour:
        lifeline.die_with_parent = lambda *_: False
    if "exec" in behaviour:
        lifeline.become([sys.executable, "-c", "import time; time.sleep(60)"])
    lifeline.hold()
    if "stubborn" in behaviour:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "lingers" in behaviour:
        signal.signal(signal.SIGTERM, linger)
    if "ends" in behaviour:
        sys.exit(3)
    print("hello", flush=True)
    if "silent" not in behaviour:
        lifeline.report_ready("to say hello")
    if "dies" in behaviour:
        time.sleep(0.2)
        sys.exit(4)
    time.sleep(60)
