"""What tests need to run on several workers of pytest-xdist.

Owns which tests run on one worker, one after the other: those that share a service or an
installation, so that what they share is made once and left by each as the next expects it. A file
on one kind of database is one group; the acceptance tests on one kind of database are one.
`--dist loadgroup` of pytest-xdist 3.8 groups nothing under pytest 9.2, whose tests have other ids
than the attribute that it writes: so the scheduler is given by its hook.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Folders of tests that share what takes seconds to make.
SHARED = "acceptance/"
_KIND = re.compile(r"[\[-](sqlite|postgres)[\]-]")


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Sends the tests of a group to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    """The scheduler for `-n`, regardless of `--dist`."""
    return GroupScheduling(config, log)


def group_of(nodeid: str) -> str:
    """The name of a test's group."""
    file = nodeid.partition("::")[0].removeprefix("tests/").removesuffix(".py")
    kind = _KIND.search(nodeid)
    if kind is None:
        return file
    return f"{SHARED if file.startswith(SHARED) else file}-{kind[1]}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write half characters out that a test logged: what a worker tells has to be UTF-8."""
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
