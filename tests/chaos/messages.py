"""What vendors post: stories put into bodies, signed again at each try, as vendors do.

Owns bodies and signatures of the five sources in this folder's mappings, and what must become
of each message. Refuses to know whether anybody took it.
"""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.chaos.stories import MISSING_ACCOUNT, UNMAPPED, Step, Stories, iso
from tests.support.vendors import SECRETS, Post, as_bytes, crm, github, helpdesk

#: How often a message is of each kind; a batch of the CRM holds so many events.
KINDS = {"ticket": 8, "deal": 5, "invoice": 5, "meeting": 3, "noise": 2}
BATCHES = {1: 40, 4: 30, 12: 22, 40: 6, 100: 2}
FULL = 100
#: Batches that are filled up with events which take long to map, half a second together.
SLOW = 0.1
#: Batches that tell of the account that the table does not know, so that all of it is held back.
HELD_BACK = 0.08
NUMBERS = list(range(50))


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a vendor, however often it is posted.

    `fate` is what the delivery settles as: `recorded`, `ignored`, or `failed` until the run is
    over and the account it names was added. `has_id`: a try signed later is the same delivery.
    """

    number: int
    source: str
    vendor_id: str
    payload: Any
    steps: tuple[Step, ...]

    @property
    def fate(self) -> str:
        if any(one.account == MISSING_ACCOUNT and one.is_charge for one in self.steps):
            return "failed"
        return "recorded" if self.steps else "ignored"

    @property
    def has_id(self) -> bool:
        return self.source != "calendar"

    @property
    def body(self) -> bytes:
        return as_bytes(self.payload)

    def signed(self, at: float) -> Post:
        """A request, signed at that time."""
        if self.source in ("desk", "portal"):
            secret = SECRETS["TICKETS_SECRET" if self.source == "desk" else "APPROVALS_SECRET"]
            return helpdesk(
                self.payload, source=self.source, secret=secret, message_id=self.vendor_id, at=at
            )
        if self.source == "approvals":
            post = github(self.payload).with_headers(x_github_delivery=self.vendor_id)
            return replace(post, source="approvals")
        post = crm(self.payload, delivery_id=self.vendor_id, at=at)
        if self.source == "crm":
            return post
        return replace(post.without("x-crm-delivery"), source="calendar")


def messages(stories: Stories, seed: int) -> Iterator[Message]:
    """Messages without end; the same for the same seed and start."""
    pick = random.Random(f"messages of {seed}")
    for number in itertools.count(1):
        kind = pick.choices([*KINDS], [*KINDS.values()])[0]
        source, payload, steps = _made(kind, stories, pick, number)
        yield Message(
            number=number,
            source=source,
            vendor_id=str(uuid.UUID(int=pick.getrandbits(128))),
            payload=payload,
            steps=steps,
        )


def _made(
    kind: str, stories: Stories, pick: random.Random, number: int
) -> tuple[str, Any, tuple[Step, ...]]:
    if kind == "noise":
        return (*_noise(pick, number), ())
    if kind == "deal":
        return _batch(stories, pick, number)
    step = stories.tell(kind)
    if kind == "ticket":
        return "desk", {**_ticket(step), "message": number}, (step,)
    if kind == "meeting":
        return "calendar", {**_meeting(step), "message": number}, (step,)
    source = pick.choice(["portal", "approvals"])
    event = _granted(step) if source == "portal" else _approved(step)
    return source, {**event, "message": number}, (step,)


def _batch(stories: Stories, pick: random.Random, number: int) -> tuple[str, Any, tuple[Step, ...]]:
    """An array of events, a third of no interest. One that names a missing account holds all."""
    size = pick.choices([*BATCHES], [*BATCHES.values()])[0]
    steps: list[Step] = []
    events: list[dict[str, Any]] = []
    for index in range(size):
        if index and pick.random() < 0.33:
            events.append({"kind": "note", "text": f"call {index} of {number}"})
            continue
        held_back = not index and pick.random() < HELD_BACK
        steps.append(stories.tell(UNMAPPED if held_back else "deal"))
        events.append({**_deal(steps[-1]), "message": number})
    if pick.random() < SLOW:
        events += [{"kind": "survey", "numbers": NUMBERS}] * (FULL - size)
    return "crm", events, tuple(steps)


def _noise(pick: random.Random, number: int) -> tuple[str, Any]:
    return pick.choice(
        [
            ("desk", {"type": "ticket.commented", "message": number}),
            ("crm", [{"kind": "note", "text": f"note {number}-{one}"} for one in range(3)]),
            ("portal", {"state": "seen", "message": number}),
            ("approvals", {"action": "opened", "message": number}),
            ("calendar", {"kind": "meeting.moved", "message": number}),
        ]
    )


def _words(charged: str, reversed_: str, reinstated: str) -> dict[str, str]:
    return {"charge": charged, "reversal": reversed_, "reinstatement": reinstated}


#: What each tool calls the three things that become of a key.
WORDS = {
    "ticket": _words("ticket.solved", "ticket.reopened", "ticket.closed-again"),
    "deal": _words("won", "lost", "restored"),
    "granted": _words("granted", "withdrawn", "granted-again"),
    "approved": _words("approved", "revoked", "approved-again"),
    "meeting": _words("meeting.held", "meeting.no-show", "meeting.counted"),
}


def _ticket(step: Step) -> dict[str, Any]:
    event = {"type": WORDS["ticket"][step.said.kind], "ticket": step.name, "at": iso(step.said.at)}
    return event | ({"customer": step.customer} if step.is_charge else {})


def _deal(step: Step) -> dict[str, Any]:
    assert step.said.at is not None
    stage = WORDS["deal"][step.said.kind]
    event = {"kind": "deal", "stage": stage, "deal": step.name, "at": step.said.at * 1000}
    return event | ({"account": step.account, "value": step.value} if step.is_charge else {})


def _granted(step: Step) -> dict[str, Any]:
    event = {
        "state": WORDS["granted"][step.said.kind],
        "invoice": step.name,
        "at": iso(step.said.at),
    }
    return event | ({"customer": step.customer} if step.is_charge else {})


def _approved(step: Step) -> dict[str, Any]:
    action = WORDS["approved"][step.said.kind]
    event = {"action": action, "invoice": {"number": step.name, "at": iso(step.said.at)}}
    return event | ({"account": step.customer} if step.is_charge else {})


def _meeting(step: Step) -> dict[str, Any]:
    event = {"kind": WORDS["meeting"][step.said.kind], "meeting": step.name}
    return event | ({"customer": step.customer} if step.is_charge else {})
