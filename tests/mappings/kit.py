"""A small set of mapping files, and ways to load and map with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mappings.engine.loading.load import MappingSet, load
from mappings.engine.schemes import SchemeFault
from mappings.engine.types import OLDEST_DAYS, DeliveryInput, Failure, Mapped, Outcome

RECEIVED_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

AGENTS = """\
agents:
  bot:
    indicators:
      solved: {price: "0.99", currency: USD}
      saved: {percent: "2.5", currency: EUR}
    customers:
      acme: {solved: {price: "0.80", currency: USD}}
"""

COMPANIES = '"1": acme\n"2": globex\n'

MAPPING = """\
source: desk
verify: {scheme: signing, secrets: [DESK_SECRET]}
outcomes:
  - name: solved
    when: event.type == "solved"
    agent: bot
    customer: ${{ lookup("companies", id(event.company)) }}
    indicator: solved
    once_per: ${{ id(event.id) }}
    occurred_at: ${{ event.at }}
  - name: reopened
    when: event.type == "reopened"
    reverses: solved
    once_per: ${{ id(event.id) }}
    occurred_at: ${{ event.at }}
"""

AT = "2026-03-01T11:00:00Z"
SOLVED = {"type": "solved", "company": 1, "id": 7, "at": AT}
BATCH = MAPPING.replace("outcomes:", "events: payload\noutcomes:", 1)


class FakeSchemes:
    """`signing` signs the delivery id, `plain` does not, `showing` has the secret in the body.

    `size` is a knob of 1 to 9.
    """

    def problems(self, verify: Mapping[str, object]) -> Sequence[SchemeFault]:
        faults: list[SchemeFault] = []
        for key, value in verify.items():
            if key == "scheme" and value not in self.names():
                faults.append((("scheme",), f"unknown scheme '{value}'.", "Write one of signing."))
            elif key == "size" and value not in range(1, 10):
                faults.append((("size",), f"size cannot be {value}.", "Write 1 to 9."))
            elif key not in {"scheme", "secrets", "size"}:
                faults.append(((key,), f"unknown key '{key}'.", "Did you mean size?"))
        return faults

    def signs_delivery_id(self, verify: Mapping[str, object]) -> bool:
        return verify.get("scheme") == "signing"

    def body_rules(self, verify: Mapping[str, object]) -> None:
        """Its bodies are read by their content type."""

    def secret_members(self, verify: Mapping[str, object]) -> Sequence[str]:
        return ["payload.password"] if verify.get("scheme") == "showing" else []

    def names(self) -> Sequence[str]:
        return ["hmac", "plain", "showing", "signing"]

    def knobs_schema(self) -> dict[str, object]:
        return {"size": {"type": "integer", "minimum": 1, "maximum": 9}}


def files_of(*mappings: str, **others: str) -> dict[str, bytes]:
    """Mapping files desk.yaml, desk2.yaml, … beside the usual catalogue and table.

    In `others` a name stands for a path: `tables__people_csv` is tables/people.csv.
    """
    files = {"agents.yaml": AGENTS.encode(), "tables/companies.yaml": COMPANIES.encode()}
    for index, text in enumerate(mappings):
        files[f"desk{index + 1 if index else ''}.yaml"] = text.encode()
    for name, text in others.items():
        stem, _, suffix = name.replace("__", "/").rpartition("_")
        files[f"{stem}.{suffix}"] = text.encode()
    return files


def loaded(
    *mappings: str, last_good: Mapping[str, bytes] | None = None, **others: str
) -> MappingSet:
    """The set those files make, problems and all."""
    files = files_of(*(mappings or (MAPPING,)), **others)
    return load(files, timezone="UTC", schemes=FakeSchemes(), last_good=last_good or {})


def good(*mappings: str, **others: str) -> MappingSet:
    """The set those files make, which has no problems."""
    found = loaded(*mappings, last_good=None, **others)
    assert [str(problem) for problem in found.problems] == []
    return found


def rules(text: str, head: str = "") -> str:
    """A mapping file with the rules in `text`, indented as it stands."""
    top = "source: desk\nverify: {scheme: signing, secrets: [DESK_SECRET]}\n"
    return f"{top}{head}outcomes:\n{text}"


def rule(**changes: str | None) -> str:
    """A mapping file with one rule, its keys changed, added, or (None) left out."""
    keys = {
        "name": "solved",
        "when": '"true"',
        "agent": "bot",
        "customer": "acme",
        "indicator": "solved",
        "once_per": "${{ id(event.id) }}",
        **changes,
    }
    head = changes.get("let")
    lines = [f"{key}: {text}" for key, text in keys.items() if text is not None and key != "let"]
    return rules(f"  - {lines[0]}\n    " + "\n    ".join(lines[1:]) + "\n", head or "")


def delivery(payload: Any, **changes: Any) -> DeliveryInput:
    """A delivery of `payload` (bytes stand as they are) for the source desk."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    values: dict[str, Any] = {
        "source": "desk",
        "body": body,
        "headers": {"content-type": "application/json"},
        "received_at": RECEIVED_AT,
        "oldest_days": OLDEST_DAYS,
        **changes,
    }
    return DeliveryInput(**values)


def mapped(mapping: str, payload: Any, **changes: Any) -> Mapped:
    """What a good mapping makes of a payload."""
    return good(mapping).map(delivery(payload, **changes))


def only_outcome(found: Mapped) -> Outcome:
    assert found.failures == ()
    (outcome,) = found.outcomes
    return outcome


def only_failure(found: Mapped) -> Failure:
    assert found.outcomes == ()
    (failure,) = found.failures
    return failure
