"""What tests need to run on several workers of pytest-xdist.

Owns the name of each test's group, for `--dist loadgroup`: tests that share a service or an
installation run on one worker. A file on one kind of database is one group, so that what its tests
share is made once; the tests of the shared service are one group for each kind of database,
whatever file they stand in.
"""

from __future__ import annotations

import pytest

KINDS = ("sqlite", "postgres")
#: Fixtures that outlive a file and cost seconds.
SHARED = ("service",)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its group, before xdist looks."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group_of(item)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write half characters out that a test logged: what a worker tells has to be UTF-8."""
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]


def _group_of(item: pytest.Item) -> str:
    file = item.nodeid.partition("::")[0].removeprefix("tests/").removesuffix(".py")
    if not isinstance(item, pytest.Function):
        return file
    shared = next((name for name in SHARED if name in item.fixturenames), file)
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    kind = next((value for value in values if value in KINDS), None)
    return f"{shared}-{kind}" if kind else shared
