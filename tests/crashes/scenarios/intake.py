"""Taking a delivery in: the commit, the ring, the answer."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac

import httpx

from tests.crashes.scenario import crashes
from tests.crashes.stage import BOOKS_SECRET, TICKET_MICROS, Stage
from tests.support.vendors import Post, as_bytes, helpdesk, solved


@crashes("commit in jobs.intake.commit:Intake.commit", kills="web")
def vendors_send_again_what_was_not_answered(stage: Stage) -> None:
    """What was committed is found as a repeat and what was not is taken in again: once each."""
    stage.doomed()
    with stage.fake():
        stage.dies()
        stage.restart()


@crashes("enqueue in jobs.queue.doorbell:Doorbell._enqueue", kills="web")
def the_sweeper_finds_what_no_ring_announced(stage: Stage) -> None:
    """What was committed is settled, whether or not a worker heard of it."""
    stage.doomed()
    with stage.fake():
        stage.dies()
        stage.restart()


@crashes("answer in receiver.web.endpoint:WebhookEndpoint.__call__", kills="web")
def an_answer_is_cut_off(stage: Stage) -> None:
    """A vendor without an answer sends again and hears of a duplicate; it bills once."""
    post = helpdesk(solved(stage.customer))
    stage.doomed()
    with stage.sending(post, bills={"USD": TICKET_MICROS}):
        stage.dies()
        stage.restart()
    again = stage.service.post(post)
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert set(stage.acknowledged) == {again.json()["delivery"]}
    stage.settle()
    # The vendor heard the answer that was sent before the end, and came once more only.
    repeats = stage.service.settled(again.json()["delivery"])["duplicates"]
    assert repeats == (2 if stage.is_before else 1)


def _is_refused(stage: Stage, forged: Post) -> None:
    """Post what is refused; the answer arrives only where the process dies after it."""
    heard = None
    with contextlib.suppress(httpx.TransportError):
        heard = stage.service.post(forged).status_code
    assert heard == (None if stage.is_before else 401)


@crashes("answer in receiver.web.endpoint:_refuse#2", kills="web")
def a_refusal_is_cut_off(stage: Stage) -> None:
    """Nothing of a forged request is there; the true one is taken in afterwards."""
    true = helpdesk(solved(stage.customer))
    stage.doomed()
    _is_refused(stage, true.with_body(b"{}"))
    stage.dies()
    stage.restart()
    stage.send(true, bills={"USD": TICKET_MICROS})


@crashes("answer in receiver.web.endpoint:_refuse#1", kills="web")
def a_refusal_in_the_form_of_its_vendor_is_cut_off(stage: Stage) -> None:
    """Nothing of a forged request is there; the true one is taken in afterwards."""
    body = as_bytes({"kind": "filed", "customer": stage.customer, "number": stage.customer})
    digest = hmac.digest(BOOKS_SECRET.encode(), body, hashlib.sha256)
    headers = {"x-xero-signature": base64.b64encode(digest).decode()}
    true = Post(source="books", body=body, headers=headers)
    stage.doomed()
    _is_refused(stage, true.with_body(b"{}"))
    stage.dies()
    stage.restart()
    answer = stage.service.post(true)
    assert answer.status_code == 200
    stage.installation.posted += 1
    stage.owed["USD"] += TICKET_MICROS
