"""An alert as JSON, signed by Standard Webhooks where a secret is set."""

from __future__ import annotations

import json
from collections.abc import Mapping

from jobs.alerts.alert import Alert
from receiver.signatures import sign

SCHEME = "standard-webhooks"


def body_of(alert: Alert) -> bytes:
    """The alert as data, in Alertmanager's words: firing, resolved."""
    data = {
        "id": alert.id,
        "kind": alert.kind,
        "state": "resolved" if alert.is_resolved else "firing",
        "opened_at": f"{alert.opened_at:%Y-%m-%dT%H:%M:%SZ}",
        "summary": alert.summary,
        "commands": alert.commands,
        "labels": alert.detail["labels"],
    }
    return json.dumps(data, ensure_ascii=False).encode()


def signature_headers(
    alert: Alert, body: bytes, *, url: str, secret: str, headers: Mapping[str, str], now: float
) -> dict[str, str]:
    """The headers that prove the body; the id is the same over all attempts."""
    return sign(
        SCHEME,
        secret=secret,
        method="POST",
        url=url,
        headers=headers,
        body=body,
        now=now,
        delivery_id=alert.id,
    )
