"""`doctor --send-test-alert`: one alert through the configured channel, and what answered."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from jobs.alerts.alert import Alert, detail_of
from jobs.alerts.dispatcher import NotPosted
from jobs.common.ids import new_id
from jobs.common.problem import Problem
from receiver.alerting.sender import sender_of
from receiver.cli.common.errors import CommandError
from receiver.cli.common.session import Session
from receiver.terminal.output import Output

KIND = "test"
PROBLEM = Problem(
    "test alert of the receiver: alerts arrive here", name=KIND, commands=("receiver doctor",)
)


def send_test_alert(*, as_json: bool) -> None:
    """Post a test alert; CommandError if no channel is configured or it rejects the alert."""
    session, out = Session(), Output(as_json=as_json)
    sender = sender_of(session.settings)
    if sender is None:
        raise CommandError(
            "alerts are off: set RECEIVER_ALERT_URL to the address that takes them, such as a"
            " Slack incoming webhook, then send the test alert again"
        )
    alert = Alert(
        key=KIND,
        id=new_id(),
        kind=KIND,
        detail=detail_of(PROBLEM),
        opened_at=datetime.now(UTC),
        is_resolved=False,
        attempts=1,
    )
    try:
        status = asyncio.run(sender.post(alert))
    except NotPosted as error:
        raise CommandError(
            f"the test alert was not accepted: {error}; check RECEIVER_ALERT_URL, and that this"
            " machine reaches it"
        ) from error
    out.json_if_asked({"id": alert.id, "format": sender.format, "status": status})
    out.line(f"the test alert was answered {status} (posted as {sender.format}, id {alert.id})")
