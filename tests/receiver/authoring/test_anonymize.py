"""What is personal or secret goes, shape and types stay, equal stays equal."""

from __future__ import annotations

import time
from typing import Any

import pytest

from receiver.authoring.anonymize import Redaction, candidates, kind_of, path_text


def redacted(value: Any) -> Any:
    return Redaction().apply(value, frozenset(candidates(value)))


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("x", "zoe@acme.example", "email"),
        ("x", "Zoe <zoe@acme.example>", "text"),
        ("email", "not one", "email"),
        ("first_name", "Zoë", "name"),
        ("firstName", "Zoë", "name"),
        ("FullName", "Zoë Zimt", "name"),
        ("x", "+49 171 1234567", "phone"),
        ("mobilePhone", 491711234567, "phone"),
        ("x", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "token"),
        ("api_key", "k", "token"),
        ("access_token", "k", "token"),
        ("x", "203.0.113.7", "ip"),
        ("x", "https://acme.example/p?t=1", "url"),
        ("description", "call me", "text"),
        ("city", "Ulm", "address"),
        # what stays
        ("id", "8447388090494", None),
        ("id", "01890a5d-ac96-774b-bcce-b302099a8057", None),
        ("time", "2026-01-31T08:00:00Z", None),
        ("status", "SOLVED", None),
        ("type", "zen:event-type:ticket.status_changed", None),
        ("amount", "1299.00", None),
        ("amount", 1299, None),
        ("name", True, None),
        ("name", None, None),
        ("name", "", None),
        ("ticket_id", 491711234567, None),
    ],
)
def test_what_counts_as_personal_or_secret(key: str, value: Any, kind: str | None) -> None:
    assert kind_of(("event", key), value) == kind


@pytest.mark.parametrize("text", ["a", "a@", "a.", "1 ", "a1", "https://"])
def test_a_mebibyte_of_anything_takes_no_time(text: str) -> None:
    began = time.process_time()
    kind_of(("note",), text * (1024 * 1024 // len(text)))
    assert time.process_time() - began < 2


def test_shape_types_and_equality_stay() -> None:
    value = {
        "id": 7,
        "by": {"email": "zoe@acme.example", "name": "Zoë", "phone": 4917112345},
        "to": [{"email": "zoe@acme.example"}, {"email": "max@acme.example"}],
        "ok": True,
        "none": None,
    }
    assert redacted(value) == {
        "id": 7,
        "by": {"email": "person1@example.com", "name": "Name 1", "phone": 5550100000},
        "to": [{"email": "person1@example.com"}, {"email": "person2@example.com"}],
        "ok": True,
        "none": None,
    }


def test_redacting_twice_changes_no_more_places() -> None:
    once = redacted({"email": "zoe@acme.example", "text": "a long text about someone we know"})
    assert redacted(once) == once


def test_places_are_written_as_expressions_are() -> None:
    assert path_text(("event", "items", 0, "email")) == "event.items[0].email"
    assert path_text(()) == "the payload"
