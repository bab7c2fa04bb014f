"""A secret in a URL, right or nearly, is in no log, rejection, metric or stored header."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from tests.support.processes import wait_until
from tests.support.service import Service

RIGHT = "Pl4nted+Secr3t=of.the-path"
WRONG = "Pl4nted-N3arly-the-secret"
MAPPING = """
source: hooked
verify: {scheme: path-token, secrets: [HOOKED_SECRET]}
outcomes:
  - name: resolved
    when: event.type == "ticket.resolved"
    agent: ${{ event.agent }}
    customer: ${{ event.customer }}
    indicator: ticket-resolved
    once_per: ${{ id(event.ticket) }}
"""


@pytest.fixture(scope="module")
def hooked(victim: Service) -> Service:
    """The source and its secret, taken up while the process runs."""
    loaded = len(victim.web.logged("mappings.loaded"))
    (victim.mappings / "hooked.yaml").write_text(MAPPING)
    (victim.secrets / "HOOKED_SECRET").write_text(RIGHT)
    victim.web.wait_for_event("mappings.loaded", count=loaded + 1)
    victim.web.wait_for_event("secrets.changed")
    return victim


def ways(secret: str) -> list[tuple[str, dict[str, str]]]:
    """Every place in a request where it may stand, or where a proxy repeats the URL."""
    path = f"/webhooks/hooked/{quote(secret, safe='')}"
    query = f"/webhooks/hooked?token={quote(secret, safe='')}"
    repeated = ("Referer", "X-Original-URI", "X-Forwarded-Uri", "X-Rewrite-URL")
    of_ones_own = ("X-Full-Uri", "X-Nginx-Request", "Via-Line")
    return [
        (path, {}),
        (query, {}),
        (path, dict.fromkeys(repeated, path)),
        (path, dict.fromkeys(of_ones_own, f"POST {path} HTTP/1.1")),
        (query, dict.fromkeys(of_ones_own, query.replace("%2B", "%2b"))),
        (f"{path}/more", {}),
        (f"/webhooks/absent?token={quote(secret)}", {}),
        (f"/webhooks/{quote(secret, safe='')}", {}),
        (f"/api/deliveries?token={quote(secret)}", {}),
        (f"/nothing/{quote(secret)}", {}),
    ]


def forms(secret: str) -> set[str]:
    """How it would look wherever it was written down."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {secret, quote(secret), quote(secret, safe=""), encoded}


def test_no_url_leaves_its_secret_anywhere(hooked: Service) -> None:
    statuses: list[int] = []
    for secret in (RIGHT, WRONG):
        for path, headers in ways(secret):
            # Each is a delivery of its own: of a repeat nothing is stored, whatever it shows.
            body = b'{"type": "none", "number": %d}' % len(statuses)
            answer = hooked.http("POST", path, content=body, headers=headers)
            statuses.append(answer.status_code)
    assert statuses.count(202) == 5, statuses
    wait_until(lambda: len(hooked.api("rejections", source="hooked")["items"]) >= 3)
    deliveries = hooked.api("deliveries", source="hooked")["items"]
    seen = {
        "the log": hooked.web.output(),
        "metrics": hooked.http("GET", "/metrics").text + hooked.http("GET", "/readyz").text,
        "rejections": str(hooked.api("rejections", limit=1000)),
        "deliveries": str([hooked.api(f"deliveries/{one['id']}") for one in deliveries]),
        "the database": (hooked.root / "receiver.db").read_bytes().decode("latin-1")
        + (hooked.root / "receiver.db-wal").read_bytes().decode("latin-1"),
    }
    assert len(deliveries) == 5
    found = [
        (place, form)
        for place, text in seen.items()
        for secret in (RIGHT, WRONG)
        for form in forms(secret)
        if form in text
    ]
    assert found == []
