"""docs/security.md names tests: they are there."""

from __future__ import annotations

import re

import pytest

from tests.support.markdown import ROOT, Page

PAGE = Page(ROOT / "docs" / "security.md")
NAMED = sorted(span for span in set(PAGE.spans()) if re.match(r"tests/.*\.py", span))


def test_tests_are_named() -> None:
    assert len(NAMED) > 5


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_is_named_is_there(named: str) -> None:
    path, _, test = named.partition("::")
    text = (ROOT / path).read_text("utf-8")
    assert re.search(rf"^(async )?def {re.escape(test or 'test_')}", text, re.MULTILINE)
