"""`doctor --send-test-alert`: one alert through the configured channel, and what answered."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from jobs.alerts.dispatcher import NotPosted
from jobs.alerts.repository import Notice
from jobs.common.ids import new_id
from receiver.alerting.sender import notifier_of
from receiver.cli.common.errors import CommandError
from receiver.cli.common.session import Session
from receiver.terminal.output import Output

KIND = "test"


def send_test_alert(*, as_json: bool) -> None:
    """Post a test alert; CommandError if no channel is configured or it rejects the alert."""
    session, out = Session(), Output(as_json=as_json)
    notifier = notifier_of(session.settings)
    if notifier is None:
        raise CommandError(
            "alerts are off: set RECEIVER_ALERT_URL to the address that takes them, such as a"
            " Slack incoming webhook, then send the test alert again"
        )
    alert = alert_of_nothing(new_id(), datetime.now(UTC))
    try:
        status = asyncio.run(notifier.post(alert))
    except NotPosted as error:
        raise CommandError(
            f"the test alert was not accepted: {error}; check RECEIVER_ALERT_URL, and that this"
            " machine reaches it"
        ) from error
    out.json_if_asked({"id": alert.id, "format": notifier.format, "status": status})
    out.line(f"the test alert was answered {status} (posted as {notifier.format}, id {alert.id})")


def alert_of_nothing(alert_id: str, at: datetime) -> Notice:
    """An alert that concerns nothing."""
    return Notice(
        key=KIND,
        id=alert_id,
        kind=KIND,
        detail={
            "says": "Test alert of the receiver: alerts arrive here",
            "run": ["receiver doctor"],
            "facts": {},
            "ended": "",
        },
        opened_at=at,
        has_ended=False,
        attempts=1,
    )
