"""Rejections: counted each, logged sparingly, and never in the sender's words."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from jobs.intake.rejections import Rejected
from receiver.config.logging import configure_logs
from receiver.health.metrics import Metrics
from receiver.web.rejections import Rejections, header_names, remote_address
from tests.receiver.web.endpoint import SECRET, Endpoint, served


def rejection(source: str = "zendesk", cause: str = "wrong-signature") -> Rejected:
    return Rejected(
        at=datetime.now(UTC),
        source=source,
        cause=cause,
        detail="no signature matches",
        remote="::1",
    )


def test_every_rejection_is_counted_and_one_a_second_is_logged() -> None:
    now = [0.0]
    metrics = Metrics()
    kept: list[Rejected] = []
    take_note = Rejections(metrics, kept.append, clock=lambda: now[0])
    with capture_logs() as logs:
        for moment in (0.0, 0.1, 0.9, 1.0, 1.1):
            now[0] = moment
            take_note(rejection())
        take_note(rejection(cause="stale-timestamp"))
    assert [(line["cause"], line["not_logged"]) for line in logs] == [
        ("wrong-signature", 0),
        ("wrong-signature", 2),
        ("stale-timestamp", 0),
    ]
    assert len(kept) == 6
    exposed = metrics.exposition().decode()
    assert 'receiver_rejections_total{cause="wrong-signature",source="zendesk"} 5.0' in exposed


@pytest.mark.parametrize(
    ("client", "said"),
    [
        (("203.0.113.7", 443), "203.0.113.7"),
        (("2001:db8::1%eth0", 443), "2001:db8::1%eth0"),
        (("evil\nlevel=info", 1), "unreadable"),
        (("x" * 65, 1), "unreadable"),
        (("", 1), "unreadable"),
        (None, "unknown"),
    ],
)
def test_an_address_that_is_none_is_not_repeated(client: tuple[str, int] | None, said: str) -> None:
    assert remote_address(client) == said


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored_logging")
@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_value_can_start_a_line_or_disguise_one(log_format: str) -> None:
    stream = io.StringIO()
    configure_logs("json" if log_format == "json" else "console", "info", stream=stream)
    unfit = "evil\r\n2026 [error] forged\x1b[2K\u2028\u202e"
    structlog.get_logger("ours").warning("said", value=unfit)
    logging.getLogger("theirs").warning("said %s", unfit)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert not any("\x1b[2K" in line or "\u202e" in line for line in lines)


@pytest.mark.usefixtures("restored_logging")
def test_json_lines_carry_level_time_and_traceback() -> None:
    stream = io.StringIO()
    configure_logs("auto", "info", stream=stream)
    log = structlog.get_logger("ours")
    log.debug("unsaid")
    try:
        int("a fault")
    except ValueError:
        log.exception("fault", delivery="d1")
    [line] = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["event"], line["level"], line["delivery"]) == ("fault", "error", "d1")
    assert line["timestamp"].endswith("Z")
    assert "ValueError: invalid literal" in line["exception"]


async def test_of_a_refused_request_names_size_and_hash_are_told_and_nothing_else() -> None:
    endpoint = Endpoint()
    body = b'{"customer": "acme"}'
    headers = {
        "x-hub-signature-256": "sha256=" + "0" * 64,
        "authorization": "Bearer of a token",
        "X-" + "y" * 70: "x",
    }
    async with served(endpoint.app) as port, httpx.AsyncClient(trust_env=False) as client:
        url = f"http://127.0.0.1:{port}/webhooks/github"
        await client.post(url, content=body, headers=headers)
        await client.post(url, content=b"x", headers={"content-encoding": "gzip"})
        await client.post(url, content=b"", headers={"content-encoding": "gzip"})
    refused, compressed, empty = endpoint.rejections
    assert refused.body_bytes == len(body)
    assert refused.body_sha256 == hashlib.sha256(body).hexdigest()
    assert {"authorization", "x-hub-signature-256", "unreadable"} <= set(refused.header_names)
    recorded = repr(refused)
    for never in ("acme", "Bearer", "0" * 64, "y" * 70, SECRET):
        assert never not in recorded.replace(refused.body_sha256 or "", "")
    assert (compressed.cause, compressed.body_bytes) == ("compressed-body", 1)
    assert compressed.body_sha256 is None
    assert empty.body_bytes == 0


def test_the_names_of_headers_are_bounded() -> None:
    assert len(header_names(f"x-{number}" for number in range(1000))) == 60
