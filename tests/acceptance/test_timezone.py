"""RECEIVER_TIMEZONE of a later process, or of a shell, moves no month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.service import Service
from tests.support.vendors import crm, won

pytestmark = pytest.mark.acceptance

TOKYO = {"RECEIVER_TIMEZONE": "Asia/Tokyo"}
HONOLULU = {"RECEIVER_TIMEZONE": "Pacific/Honolulu"}
#: The start of last month in UTC and Tokyo; in Honolulu the month before that is not over yet.
AT = (datetime.now(UTC).replace(day=1) - timedelta(days=1)).replace(day=1, hour=5)
EARLIER, LATER = f"{AT - timedelta(days=1):%Y-%m}", f"{AT:%Y-%m}"


def _months(service: Service, environment: dict[str, str]) -> list[str]:
    ran = service.run("revenue", "--by", "month", "--json", environment=environment)
    assert ran.code == 0, ran
    return [item["month"] for item in ran.json]


def test_past_months_stay_where_they_are_whatever_a_process_or_a_shell_is_set_to(
    own_service: Service, customer: str
) -> None:
    service = own_service
    service.start_web(environment=HONOLULU)
    service.start_worker()  # set to none: it takes the database's
    service.settle(crm([won(customer, at=int(AT.timestamp() * 1000))]))
    for command in (["serve", "--port", "0"], ["work"], ["migrate"]):
        refused = service.run(*command, environment=TOKYO)
        assert refused.code == 1, refused
        assert "RECEIVER_TIMEZONE is Asia/Tokyo" in refused.err
        assert "RECEIVER_TIMEZONE=Pacific/Honolulu" in refused.err
        assert "Traceback" not in refused.err
    assert _months(service, {}) == _months(service, TOKYO) == [EARLIER]
    assert "not in RECEIVER_TIMEZONE=Asia/Tokyo" in service.run("revenue", environment=TOKYO).err

    shown = service.run("timezone", "Asia/Tokyo", "--dry-run", "--json", environment={}).json
    assert shown["changed"] is False
    assert {one["month"] for one in shown["months"] if one["basis"] == "occurred"} == {
        EARLIER,
        LATER,
    }
    still_running = service.run("timezone", "Asia/Tokyo", "--yes")
    assert still_running.code == 1
    assert "stop them first" in still_running.err
    for process in (service.web, service.worker):
        assert process.stop() == 0
    assert service.run("timezone", "Asia/Tokyo").code == 2  # no one to ask, and no --yes
    assert service.run("timezone", "Asia/Tokyo", "--yes").code == 0
    assert _months(service, {}) == [LATER]
    service.start_web(environment=TOKYO)
