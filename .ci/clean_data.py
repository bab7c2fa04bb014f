"""Delete `var/` after a question: the ledger, generated secrets, logs. `make clean-data`.

Refuses without a terminal to ask on unless YES=1 is set, and while `receiver up` runs on it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "var"
LOCK = "up.lock"
PLACES = (".", "demo")


def clean(data: Path = DATA, *, is_sure: bool, ask: Callable[[str], str] | None) -> int:
    """Delete the folder; the exit code. `ask` is None where there is no one to ask."""
    if not data.exists():
        print(f"clean-data: there is no {data.name}/ here")
        return 0
    running = [data / place for place in PLACES if _is_running(data / place / LOCK)]
    if running:
        print(f"clean-data: `receiver up` runs on {running[0]}; stop it first")
        return 1
    files = sorted(path.relative_to(data.parent) for path in _files(data))
    print(f"clean-data: {len(files)} files would be gone for good, among them:")
    print("".join(f"  {path}\n" for path in _worth(files)), end="")
    if not is_sure:
        if ask is None:
            print(
                "clean-data: nothing was deleted; without a terminal write `make clean-data YES=1`"
            )
            return 1
        if ask(f"Delete {data} with all that was billed in it? [y/N] ").strip().lower() != "y":
            print("clean-data: nothing was deleted")
            return 1
    shutil.rmtree(data)
    print(f"clean-data: {data} is deleted")
    return 0


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if not path.is_dir())


def _worth(files: list[Path]) -> list[Path]:
    """The files that cannot be made again."""
    return [path for path in files if path.suffix == ".db" or "secrets" in path.parts]


def _is_running(lock: Path) -> bool:
    with contextlib.suppress(FileNotFoundError), lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


if __name__ == "__main__":
    sys.exit(clean(is_sure=os.environ.get("YES") == "1", ask=input if sys.stdin.isatty() else None))
