"""A vendor's own secret: its window is opened, the secret arrives, the window is closed."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from urllib.parse import urlsplit

import httpx

from tests.crashes.scenario import crashes
from tests.crashes.stage import TICKET_MICROS, Stage
from tests.support.vendors import Post, as_bytes

PAIR = ("pair", "projects", "--replace")
WINDOWS = "SELECT count(*) FROM pairing_windows WHERE source = 'projects'"


def _open(stage: Stage) -> str:
    """Open a window; the path and query of its URL."""
    url = urlsplit(stage.run(*PAIR, "--json").json["url"])
    return f"{url.path}?{url.query}"


def _send_secret(stage: Stage, path: str, secret: str) -> int | None:
    """The status of the answer to a vendor that sends its secret; None without an answer."""
    with contextlib.suppress(httpx.TransportError):
        return stage.service.http("POST", path, headers={"X-Hook-Secret": secret}).status_code
    return None


def _stored(stage: Stage) -> list[str]:
    found = stage.rows("SELECT value FROM learnt_secrets WHERE name = 'PROJECTS_SECRET'")
    return [row[0] for row in found]


def _finished(stage: Stage, secret: str) -> Post:
    body = as_bytes({"kind": "finished", "customer": stage.customer, "number": stage.customer})
    signature = hmac.digest(secret.encode(), body, hashlib.sha256).hex()
    headers = {"content-type": "application/json", "x-hook-signature": signature}
    return Post(source="projects", body=body, headers=headers)


def _bills_under(stage: Stage, secret: str) -> None:
    """The vendor signs with this secret from now on, and its deliveries bill."""
    answer = stage.service.post(_finished(stage, secret))
    assert answer.is_success, answer.text
    stage.installation.posted += 1
    stage.owed["USD"] += TICKET_MICROS


@crashes("commit in jobs.intake.pairing:open_window", kills="command")
def a_window_is_opened(stage: Stage) -> None:
    """No secret is stored; a second `pair` gives a URL by which the vendor is set up."""
    before = _stored(stage)
    stage.doomed_command(*PAIR)
    assert stage.rows(WINDOWS) == [("0" if stage.is_before else "1",)]
    path = _open(stage)
    assert stage.rows(WINDOWS) == [("1",)]
    assert _stored(stage) == before
    assert _send_secret(stage, path, stage.customer) == 200
    _bills_under(stage, stage.customer)
    stage.run(*PAIR, "--minutes", "0")


@crashes("commit in jobs.intake.pairing:close_window", kills="command")
def a_window_is_closed(stage: Stage) -> None:
    """It is closed or still open, and a second command closes it: no secret is accepted then."""
    path = _open(stage)
    before = _stored(stage)
    stage.doomed_command(*PAIR, "--minutes", "0")
    assert stage.rows(WINDOWS) == [("1" if stage.is_before else "0",)]
    stage.run(*PAIR, "--minutes", "0")
    assert stage.rows(WINDOWS) == [("0",)]
    assert _send_secret(stage, path, stage.customer) == 401
    assert _stored(stage) == before


@crashes("commit in jobs.intake.pairing:take", kills="web")
def a_secret_is_stored(stage: Stage) -> None:
    """The secret is stored and its window used up, or neither; the vendor is set up in the end."""
    path = _open(stage)
    before, secret = _stored(stage), stage.customer
    stage.doomed()
    assert _send_secret(stage, path, secret) is None
    stage.dies()
    assert _stored(stage) == (before if stage.is_before else [secret])
    stage.restart()
    assert _send_secret(stage, path, secret) == (200 if stage.is_before else 401)
    _bills_under(stage, secret)
    stage.run(*PAIR, "--minutes", "0")
