"""Alerts as an operator gets them: from real processes, each once although several run."""

from __future__ import annotations

from collections import Counter

import pytest
from standardwebhooks import Webhook

from tests.support.alerts import place
from tests.support.processes import wait_until
from tests.support.service import Service
from tests.support.vendors import helpdesk, solved

pytestmark = [pytest.mark.acceptance, pytest.mark.only("postgres")]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_three_processes_tell_each_thing_once_signed_and_keep_the_address_to_themselves(
    own_service: Service,
) -> None:
    with place() as channel:
        environment = {"RECEIVER_ALERT_URL": channel.url, "RECEIVER_ALERT_SECRET": SECRET}
        channel.answers.append(503)  # the first try is refused
        own_service.start_web(environment=environment)
        for _ in range(2):
            own_service.start_worker(environment=environment)
        for _ in range(3):
            failed = own_service.settle(helpdesk(solved("")))
            assert (failed["state"], failed["reason"]) == ("failed", "mapping")
        own_service.edit("crm.yaml", "outcomes:", "outcoms:")
        wait_until(
            lambda: {one.json["kind"] for one in channel.posted[1:]} >= {"failures", "mapping"},
            seconds=60,
            what="two alerts",
        )
        refused, *taken = channel.posted
        kinds = Counter(one.json["kind"] for one in taken)
        assert kinds == {"failures": 1, "mapping": 1}
        texts = {one.json["kind"]: one.json["summary"] for one in taken}
        assert "deliveries of tickets failed as mapping" in texts["failures"]
        assert "receiver replay --source tickets" in texts["failures"]
        assert texts["mapping"].startswith("A mapping was rejected: crm.yaml")
        for one in taken:
            Webhook(SECRET).verify(one.body, one.headers)
        assert refused.headers["webhook-id"] in {one.headers["webhook-id"] for one in taken}
        logs = "".join(process.output() for process in own_service.processes)
        for secret in ("a-secret-in-the-path", SECRET):
            assert secret not in logs
