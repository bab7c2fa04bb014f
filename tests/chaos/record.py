"""What was sent and what was acknowledged, written down by the senders.

Owns the independent record: it knows what went over the wire and nothing of what the service
did with it. Each answer is in a file before the next request, for the person who looks afterwards.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.messages import Message
from tests.chaos.stories import Step


@dataclass(slots=True)
class Sent:
    """A message and what became of its tries.

    `answers` has the delivery ids of its 2xx answers, `accepted` those of a 202. `unanswered` has
    the times of signing of tries that ended without a 2xx: each may have been kept all the same.
    """

    source: str
    fate: str
    has_id: bool
    body_sha256: str
    steps: tuple[Step, ...]
    answers: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    unanswered: set[int] = field(default_factory=set)


@dataclass
class Record:
    """Everything sent, in memory and, for looking at afterwards, in a file."""

    path: Path
    sent: dict[int, Sent] = field(default_factory=dict)
    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    #: Delivery id → when it was first acknowledged; removed when it is seen settled.
    unsettled: dict[str, float] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._file = self.path.open("a", buffering=1)

    def begins(self, message: Message) -> None:
        self.sent[message.number] = Sent(
            source=message.source,
            fate=message.fate,
            has_id=message.has_id,
            body_sha256=hashlib.sha256(message.body).hexdigest(),
            steps=message.steps,
        )

    def acknowledges(self, number: int, delivery_id: str, *, accepted: bool) -> None:
        """A 2xx came back, and said this."""
        sent = self.sent[number]
        sent.answers[delivery_id] += 1
        if accepted:
            sent.accepted.append(delivery_id)
        if delivery_id not in self.acknowledged:
            self.acknowledged.add(delivery_id)
            self.unsettled[delivery_id] = time.monotonic()
        self._write(message=number, delivery=delivery_id, accepted=accepted)

    def sees_settled(self, delivery_id: str) -> float:
        """A reader found it settled; how long after its first 2xx, in seconds."""
        seconds = time.monotonic() - self.unsettled.pop(delivery_id)
        self._write(delivery=delivery_id, settled_after_seconds=round(seconds, 1))
        return seconds

    def goes_unanswered(self, number: int, signed_at: int, why: str) -> None:
        """No 2xx came back of a try signed then."""
        self.sent[number].unanswered.add(signed_at)
        self._write(message=number, signed_at=signed_at, unanswered=why)

    def _write(self, **what: Any) -> None:
        self._file.write(json.dumps({"at": round(time.time(), 3), **what}) + "\n")

    def close(self) -> None:
        self._file.close()
