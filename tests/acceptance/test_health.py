"""What an operator, a load balancer and Prometheus see, and who may see more."""

from __future__ import annotations

import httpx
import pytest

from tests.support.processes import wait_until
from tests.support.service import Service
from tests.support.vendors import SECRETS, helpdesk, solved

pytestmark = pytest.mark.acceptance

ALL_SECRETS = {"SHUT_SECRET": SECRETS["TICKETS_SECRET"], "LATE_SECRET": SECRETS["TICKETS_SECRET"]}


def _degraded_by(service: Service) -> set[str]:
    """What /readyz names, of a service that is ready."""
    ready = service.http("GET", "/readyz")
    assert ready.status_code == 200
    found = ready.json()
    named = {problem["name"] for problem in found["problems"]}
    assert found["status"] == ("degraded" if named else "ok")
    assert all(problem["summary"] for problem in found["problems"])
    return named


def test_readyz_names_what_is_missing_and_is_ready_all_the_same(own_service: Service) -> None:
    service = own_service
    service.valkey.kill()
    web = service.start_web()
    assert _degraded_by(service) == {"redis", "worker", "secrets"}
    metrics = service.http("GET", "/metrics").text
    assert "receiver_ready 1.0" in metrics
    assert web.stop() == 0

    service.valkey.start()
    service.start_web(environment=ALL_SECRETS)
    service.start_worker()
    wait_until(lambda: _degraded_by(service) == set(), what="being ok")


def test_livez_says_that_the_process_lives(service: Service) -> None:
    answer = service.http("GET", "/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_metrics_count_what_came(service: Service, customer: str) -> None:
    post = helpdesk(solved(customer))
    before = service.metrics()
    service.take(post)
    service.post(post)
    after = service.metrics()
    for answer in ("accepted", "duplicate"):
        name = f'receiver_deliveries_total{{answer="{answer}",source="tickets"}}'
        assert after[name] == before.get(name, 0) + 1
    assert (
        after["receiver_request_duration_seconds_count"]
        == before["receiver_request_duration_seconds_count"] + 2
    )
    assert after["receiver_ready"] == 1


PATHS = ["status", "deliveries", "billing-events", "nothing-here"]


@pytest.mark.parametrize("path", PATHS)
def test_the_api_is_401_without_the_token(service: Service, path: str) -> None:
    answers = [
        service.http("GET", f"/api/{path}", headers=headers)
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": service.bearer.replace("Bearer", "Basic")},
        )
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["error"] for answer in answers} == {"unauthorized"}
    assert len({answer.text for answer in answers}) == 1


def test_nothing_is_replayed_without_the_token(service: Service) -> None:
    answer = service.http("POST", "/api/replays", json={"state": "failed"})
    assert answer.status_code == 401


def test_without_a_token_there_is_no_api(service: Service) -> None:
    with service.another_web({"RECEIVER_ADMIN_TOKEN": ""}) as other:
        for path in ("/", "/api", "/api/", "/api/status", "/api/nothing-here"):
            answer = httpx.get(other.url + path, headers={"authorization": service.bearer})
            assert (answer.status_code, answer.json()["error"]) == (404, "not-found")
