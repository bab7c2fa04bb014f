"""Alerts on the wire, to a real HTTP server: their shapes, their signature, what is kept quiet."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from jobs.alerts.alert import Alert
from jobs.alerts.dispatcher import NotPosted
from receiver.alerting.sender import AlertSender, format_of, sender_of
from receiver.config.reading import SettingsInvalid, load_settings
from receiver.config.settings import Settings
from tests.support.alerts import Place, place as a_place

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def place() -> Iterator[Place]:
    with a_place() as found:
        yield found


def alert(**changes: Any) -> Alert:
    detail = {
        "summary": "4 deliveries of desk failed as <unpriced> & more",
        "commands": ["receiver failures --source desk", "receiver replay --source desk"],
        "labels": {"source": "desk", "count": 4},
        "resolved": "It is over.",
    }
    given = {
        "key": "failures:a",
        "id": "01a20f16-0000-7000-8000-000000000000",
        "kind": "failures",
        "detail": detail,
        "opened_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "is_resolved": False,
        "attempts": 1,
        **changes,
    }
    return Alert(**given)


async def test_slack_is_given_its_shape_with_its_three_characters_escaped(place: Place) -> None:
    await AlertSender(place.url, format_="slack", secret=SECRET).post(alert())
    (posted,) = place.posted
    assert posted.json == {
        "text": "4 deliveries of desk failed as &lt;unpriced&gt; &amp; more."
        " Run `receiver failures --source desk` `receiver replay --source desk`"
    }
    assert posted.headers["content-type"] == "application/json"
    assert "webhook-signature" not in posted.headers


async def test_json_holds_the_alert_as_data(place: Place) -> None:
    await AlertSender(place.url, format_="json").post(alert())
    (posted,) = place.posted
    assert posted.json == {
        "id": "01a20f16-0000-7000-8000-000000000000",
        "kind": "failures",
        "state": "firing",
        "opened_at": "2026-03-01T12:00:00Z",
        "summary": "4 deliveries of desk failed as <unpriced> & more."
        " Run `receiver failures --source desk` `receiver replay --source desk`",
        "commands": ["receiver failures --source desk", "receiver replay --source desk"],
        "labels": {"source": "desk", "count": 4},
    }
    assert "webhook-signature" not in posted.headers


async def test_a_resolved_alert_says_so(place: Place) -> None:
    await AlertSender(place.url, format_="json").post(alert(is_resolved=True))
    posted = place.posted[0].json
    assert (posted["state"], posted["summary"], posted["commands"]) == (
        "resolved", "It is over.", [],
    )  # fmt: skip


async def test_the_signature_is_what_the_reference_library_takes(place: Place) -> None:
    sender = AlertSender(place.url, format_="json", secret=SECRET)
    await sender.post(alert())
    await sender.post(alert(attempts=2))
    for posted in place.posted:
        Webhook(SECRET).verify(posted.body, posted.headers)
    first, second = place.posted
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == alert().id
    assert abs(int(first.headers["webhook-timestamp"]) - time.time()) < 60


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_what_is_not_accepted_is_named_by_its_status(place: Place, status: int) -> None:
    place.answers.append(status)
    with pytest.raises(NotPosted, match=f"it was answered {status}"):
        await AlertSender(place.url, format_="json").post(alert())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(place: Place, status: int) -> None:
    place.answers.append(status)
    place.location = place.url + "/elsewhere"
    with pytest.raises(NotPosted, match=f"it was answered {status}"):
        await AlertSender(place.url, format_="json", secret=SECRET).post(alert())
    assert [one.path for one in place.posted] == ["/hook/a-secret-in-the-path"]


async def test_an_address_that_is_away_is_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = "http://user:hunter2@127.0.0.1:1/hook/a-secret-in-the-path"
    sender = AlertSender(url, format_="json", secret=SECRET)
    with pytest.raises(NotPosted) as raised:
        await sender.post(alert())
    assert str(raised.value) == "ConnectError"
    assert raised.value.__cause__ is None
    for secret in ("hunter2", "a-secret-in-the-path", SECRET):
        assert secret not in repr(sender) + str(raised.value)


@pytest.mark.parametrize(
    ("url", "wanted", "is_"),
    [
        ("https://hooks.slack.com/services/T/B/x", "auto", "slack"),
        ("https://example.com/hooks.slack.com", "auto", "json"),
        ("https://hooks.slack.com.example.com/", "auto", "json"),
        ("https://chat.example.com/hooks/x", "slack", "slack"),
        ("https://hooks.slack.com/services/T/B/x", "json", "json"),
    ],
)
def test_slack_is_known_by_its_host(url: str, wanted: Any, is_: str) -> None:
    assert format_of(url, wanted) == is_


def test_without_an_address_alerts_are_off() -> None:
    assert sender_of(Settings()) is None
    assert sender_of(Settings(alert_url="https://example.com/hook")) is not None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("alert_url", "hooks.example.com/hunter2", "RECEIVER_ALERT_URL: must be an http or https"),
        ("alert_url", "ftp://hunter2/x", "RECEIVER_ALERT_URL: must be an http or https"),
        ("alert_secret", "hunter2!", "RECEIVER_ALERT_SECRET: must be a Standard Webhooks secret"),
        ("alert_secret", "whsec_", "RECEIVER_ALERT_SECRET: must be a Standard Webhooks secret"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_not_repeated(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(SettingsInvalid) as raised:
        load_settings(None, **{name: value})
    assert expected in str(raised.value)
    assert "hunter2" not in str(raised.value)
