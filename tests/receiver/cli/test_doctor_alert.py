"""`receiver doctor --send-test-alert`: what the channel answered."""

from __future__ import annotations

import pytest

from tests.receiver.cli.conftest import Installation
from tests.support.alerts import place as a_place


def test_a_test_alert_says_what_answered(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = installed.run("doctor", "--send-test-alert")
    assert (off.code, off.out) == (1, "")
    assert "alerts are off: set RECEIVER_ALERT_URL" in off.err
    with a_place() as place:
        monkeypatch.setenv("RECEIVER_ALERT_URL", place.url)
        sent = installed.run("doctor", "--send-test-alert", "--json")
        assert (sent.code, sent.json["status"], sent.json["format"]) == (0, 200, "json")
        (posted,) = place.posted
        assert (posted.json["id"], posted.json["kind"]) == (sent.json["id"], "test")
        place.answers.append(503)
        refused = installed.run("doctor", "--send-test-alert")
    assert (refused.code, refused.out) == (1, "")
    assert "it was answered 503" in refused.err
    assert place.url not in refused.err
