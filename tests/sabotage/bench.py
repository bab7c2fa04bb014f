"""A copy of the tree to break, with a Python that knows no other, and the tests run in it.

The virtual environment has the project installed as it stands in the working tree. So the copy
gets a Python of its own, which has all that is installed but finds `jobs`, `mappings` and
`receiver` in the copy only: also in the processes that tests start.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

from tests.sabotage.sabotages import Sabotage

#: Not copied: what belongs to the working tree, and what is made from it.
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info", "build"
)
PACKAGES = ("jobs", "mappings", "receiver")
SECONDS = 600


class DidNotRun(Exception):
    """The tests did not come to an end of their own: neither passed nor failed."""


@dataclass(frozen=True, slots=True)
class Ran:
    """The tests that passed and those that failed, without their parameters."""

    passed: frozenset[str]
    failed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Bench:
    """A copy of the tree, and its Python."""

    tree: Path
    python: Path

    def commit(self, sabotage: Sabotage) -> None:
        """Break the copy. ValueError where the text is not there once."""
        path = self.tree / sabotage.file
        text = path.read_text("utf-8")
        if text.count(sabotage.old) != 1:
            raise ValueError(
                f"{sabotage.name}: its text stands {text.count(sabotage.old)} times in "
                f"{sabotage.file}, not once; write down what stands there now"
            )
        path.write_text(text.replace(sabotage.old, sabotage.new), "utf-8")

    def run(self, tests: Iterable[str]) -> Ran:
        """Run these tests; DidNotRun unless each was found and the run came to its end."""
        wanted = sorted(set(tests))
        report = self.tree.parent / "report.xml"
        report.unlink(missing_ok=True)
        command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        base = f"--basetemp={self.tree.parent / 'temporary'}"
        done = self._python(*command, base, *wanted)
        if done.returncode not in (0, 1) or not report.exists():
            raise DidNotRun(done.stdout[-4000:] + done.stderr[-4000:])
        ran = _read(report)
        missing = {bare(test) for test in wanted} - ran.passed - ran.failed
        if missing:
            raise DidNotRun(f"not among the tests that ran: {sorted(missing)}")
        return ran

    def assert_own_code_runs(self) -> None:
        """AssertionError unless its Python, wherever it starts, takes the copy.

        Leaves no bytecode: Python would take that for what is broken in the same second.
        """
        names = ", ".join(PACKAGES)
        code = f"import {names}\nfor one in ({names}): print(one.__file__)"
        found = subprocess.run(
            [self.python, "-I", "-B", "-c", code],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
        ).stdout.split()
        expected = [str(self.tree / package / "__init__.py") for package in PACKAGES]
        assert found == expected, f"not the copy would be run but {found}"

    def _python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.tree,
            env={**os.environ, "CRASHES": "all", "PYTHONDONTWRITEBYTECODE": "1"},
            timeout=SECONDS,
        )


@contextmanager
def bench(root: Path) -> Iterator[Bench]:
    """A fresh copy of the tree at `root`, gone afterwards."""
    with TemporaryDirectory(prefix="receiver-sabotage-") as directory:
        place = Path(directory)
        tree = place / "tree"
        shutil.copytree(root, tree, ignore=LEFT_OUT, symlinks=True)
        yield Bench(tree, _make_python(place / "python", tree))


def bare(test: str) -> str:
    """The test without its parameters."""
    return test.partition("[")[0]


def _make_python(directory: Path, tree: Path) -> Path:
    """A virtual environment that finds the copy first, then what is installed in ours.

    Paths of a .pth file are searched, but .pth files found there are not read: the one that leads
    to the working tree has no say.
    """
    venv.create(directory, with_pip=False, symlinks=True)
    python = directory / "bin" / "python"
    packages = sysconfig.get_path("purelib", vars={"base": str(directory)})
    installed = sysconfig.get_path("purelib")
    Path(packages).joinpath("sabotage.pth").write_text(f"{tree}\n{installed}\n")
    return python


def _read(report: Path) -> Ran:
    passed: set[str] = set()
    failed: set[str] = set()
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 -- pytest wrote it
        where = (case.get("classname") or "").replace(".", "/")
        test = f"{where}.py::{bare(case.get('name') or '')}"
        is_bad = case.find("failure") is not None or case.find("error") is not None
        (failed if is_bad else passed).add(test)
    return Ran(frozenset(passed - failed), frozenset(failed))
