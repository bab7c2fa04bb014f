"""Several secrets of one source, over HTTP: which is accepted, and which one is counted."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.receiver.web.endpoint import Endpoint, signed

BODY = b'{"action": "submitted"}'


async def answered(endpoint: Endpoint, secret: str) -> int:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(endpoint.app), base_url="http://testserver"
    ) as client:
        headers = signed(BODY, secret=secret)
        return (await client.post("/webhooks/github", content=BODY, headers=headers)).status_code


def rotating(ends_in_seconds: float) -> Endpoint:
    endpoint = Endpoint()
    endpoint.add(
        "github",
        secrets=("the old one", "the new one"),
        secret_names=("OLD", "NEW"),
        secret_ends=(time.time() + ends_in_seconds, None),
    )
    return endpoint


async def test_both_are_accepted_until_the_end_and_the_one_that_verifies_is_counted() -> None:
    endpoint = rotating(60)
    assert await answered(endpoint, "the old one") == 202
    assert await answered(endpoint, "the new one") in (200, 202)
    assert [name for _, name, _ in endpoint.verifications] == ["OLD", "NEW"]


async def test_an_ended_one_is_refused_like_any_other_and_named_to_the_operator_alone() -> None:
    endpoint = rotating(-1)
    assert await answered(endpoint, "the old one") == 401
    assert await answered(endpoint, "another") == 401
    assert await answered(endpoint, "the new one") == 202
    assert [cause for _, cause in endpoint.causes] == ["ended-secret", "wrong-signature"]
    assert [name for _, name, _ in endpoint.verifications] == ["NEW"]


@pytest.mark.parametrize("secret", ["the old one", "another"])
@pytest.mark.parametrize("ended", ["a second ago", "at second 0"])
async def test_a_source_all_of_whose_secrets_have_ended_is_shut(secret: str, ended: str) -> None:
    endpoint = Endpoint()
    endpoint.add(
        "github",
        secrets=("the old one",),
        secret_names=("OLD",),
        secret_ends=(time.time() - 1 if ended == "a second ago" else 0.0,),
    )
    assert await answered(endpoint, secret) == 503
    assert endpoint.causes == [("github", "no-secret")]
