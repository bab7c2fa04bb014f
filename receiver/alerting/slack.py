"""An alert in the shape that Slack's incoming webhooks take, and others that imitate them."""

from __future__ import annotations

import json

from jobs.alerts.alert import Alert

#: The host at which Slack takes incoming webhooks.
HOST = "hooks.slack.com"
#: https://docs.slack.dev/messaging/formatting-message-text (2026-08): these three, as entities.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def body_of(alert: Alert) -> bytes:
    """The alert as one text."""
    return json.dumps({"text": alert.summary.translate(_ESCAPES)}, ensure_ascii=False).encode()
