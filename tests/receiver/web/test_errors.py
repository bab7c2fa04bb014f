"""Every 503 names when to send again, wherever it is made."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import receiver
from receiver.web.errors import RETRY_AFTER_SECONDS, RETRY_LATER_SECONDS, HTTPError

ROOT = Path(receiver.__file__).parent
#: What makes a 503: both write the header themselves.
MAKERS = {"HTTPError", "error", "self._refuse"}


@pytest.mark.parametrize("cause", [*RETRY_AFTER_SECONDS, "no-secret", "not-redactable"])
def test_a_503_names_when_to_send_again(cause: str) -> None:
    error = HTTPError(503, "unavailable", "Send it again.", cause=cause)
    seconds = RETRY_AFTER_SECONDS.get(cause, RETRY_LATER_SECONDS)
    assert error.headers == (("retry-after", str(seconds)),)


def test_no_other_error_does() -> None:
    assert HTTPError(404, "not-found", "Nothing is here.").headers == ()


def test_every_503_is_made_where_the_header_is_written() -> None:
    makers = {
        ast.unparse(node.func)
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        for argument in node.args[:2]
        if isinstance(argument, ast.Constant) and argument.value == 503
    }
    assert makers == MAKERS
