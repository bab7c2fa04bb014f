"""What a sender writes starts no line of a log, hides none, and paints none."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog

from receiver.config.logging import configure_logs
from receiver.health.metrics import Metrics
from receiver.web import rejections
from receiver.web.rejections import Rejections, rejection_of
from receiver.web.request import WebRequest

FORGED = "2026-11-24T18:00:00Z [info     ] web.ready"
EVIL = {
    "newline": f"a\n{FORGED}",
    "carriage-return": f"a\r{FORGED}",
    "line-separator": f"a\u2028{FORGED}",
    "next-line": f"a\x85{FORGED}",
    "escape": "\x1b[2J\x1b[31mred",
    "c1-escape": "\x9b31mred",
    "backspace": "a\b\b\b",
    "right-to-left": "\u202egnp.exe",
    "json": 'a", "event": "web.ready", "x": "',
    "nul": "a\0b",
    "half-a-character": "a\ud800b",
}
evil = pytest.mark.parametrize("text", EVIL.values(), ids=EVIL)
UNFIT = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(params=["console", "json"])
def log_format(request: pytest.FixtureRequest) -> Literal["console", "json"]:
    name: Literal["console", "json"] = request.param
    return name


@pytest.fixture
def log(log_format: Literal["console", "json"]) -> Iterator[io.TextIOWrapper]:
    """All that is logged, as the bytes that would go to stderr."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    configure_logs(log_format, "debug", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def written(log: io.TextIOWrapper) -> str:
    log.flush()
    buffer: Any = log.buffer
    return str(buffer.getvalue().decode("utf-8"))


def assert_one_event(text: str, log_format: str) -> None:
    assert text.count("\n") == 1
    assert not UNFIT.search(text)
    if log_format == "json":
        assert json.loads(text)["event"] == "event.of.ours"


@evil
def test_a_value_anywhere_is_one_line_of_text(
    log: io.TextIOWrapper, log_format: str, text: str
) -> None:
    structlog.get_logger("ours").warning(
        "event.of.ours", value=text, listed=[text], named={text: (text,)}
    )
    assert_one_event(written(log), log_format)


@evil
def test_so_is_what_a_library_logs(log: io.TextIOWrapper, log_format: str, text: str) -> None:
    logging.getLogger("a.library").warning("event.of.ours %s", text)
    said = written(log)
    assert_one_event(said.replace("event.of.ours ", "event.of.ours", 1), "console")
    assert log_format == "console" or json.loads(said)["level"] == "warning"


@evil
def test_no_line_of_a_traceback_passes_for_an_event(
    log: io.TextIOWrapper, log_format: str, text: str
) -> None:
    structlog.get_logger("ours").error("event.of.ours", exc_info=ValueError(f"before\n{text}"))
    said = written(log)
    assert not UNFIT.search(said)
    first, *others = said.removesuffix("\n").split("\n")
    assert "event.of.ours" in first
    assert bool(others) == (log_format == "console")
    assert all(line.startswith("    ") for line in others)


@evil
def test_what_is_refused_repeats_nothing_that_was_sent(
    log: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    # A logger of this test: the module's own would keep to this log for good.
    monkeypatch.setattr(rejections, "log", structlog.get_logger("ours"))
    raw = text.encode("utf-8", "surrogatepass")
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/webhooks/{text}",
        "query_string": raw,
        "headers": [(raw.lower(), raw), (b"user-agent", raw)],
        "client": (text, 1),
        "path_params": {"source": text},
    }
    call = WebRequest(scope, None, None)  # type: ignore[arg-type] # nothing is read or answered
    kept: list[Any] = []
    refused = rejection_of(call, source="unknown", cause="unknown-source", detail="no such source")
    Rejections(Metrics(), kept.append)(refused)
    said = written(log)
    assert said.count("\n") == 1
    assert "unreadable" in said
    assert (kept[0].remote, kept[0].header_names) == ("unreadable", ("unreadable", "user-agent"))
    assert not re.search("web.ready|31m|gnp|\\\\b", said + repr(kept))
