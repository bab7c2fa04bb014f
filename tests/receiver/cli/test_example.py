"""`example`: a delivery as a fixture, redacted, whose outcomes are the same."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlencode

from tests.receiver.cli.conftest import Installation
from tests.support.rows import Rows

BODY = {
    "state": "solved",
    "ticket": 7,
    "customer": "billing@acme.example",
    "requester": {"name": "Zoë Zimt", "email": "zoe@acme.example", "phone": "+49 171 1234567"},
    "token": "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
}


def stored(installed: Installation, body: bytes, content_type: str = "application/json") -> None:
    async def fill(rows: Rows) -> None:
        await rows.delivery(body=body, headers={"content-type": content_type})

    installed.fill(fill)


def test_personal_data_goes_and_what_the_outcomes_need_stays(installed: Installation) -> None:
    stored(installed, json.dumps(BODY).encode())
    ran = installed.run("example", "d1")
    assert ran.code == 0
    fixture = json.loads(ran.out)
    assert fixture == {
        "state": "solved",
        "ticket": 7,
        "customer": "billing@acme.example",
        "requester": {
            "name": "Name 1",
            "email": "person1@example.com",
            "phone": "+1 555 0100 001",
        },
        "token": "redacted-1".ljust(32, "0"),
    }
    assert "4 values redacted" in ran.err
    assert "kept, since the outcomes change without it: customer" in ran.err


def test_what_is_printed_for_the_mapping_file_makes_an_example_that_passes(
    installed: Installation,
) -> None:
    stored(installed, json.dumps(BODY).encode())
    path = installed.mappings / "examples" / "solved.json"
    ran = installed.run("example", "d1", "--out", str(path))
    assert ran.out == f"written: {path}\n"
    item = ran.err.partition("mapping file:\n")[2]
    mapping = installed.mappings / "zendesk.yaml"
    mapping.write_text(f"{mapping.read_text()}examples:\n{item}")
    checked = installed.run("check", "--offline")
    assert (checked.code, checked.out) == (0, checked.out)
    assert "0.99 USD" in item


def test_as_json_it_tells_what_was_kept(installed: Installation) -> None:
    stored(installed, json.dumps(BODY).encode())
    found = installed.run("example", "d1", "--json").json
    assert (found["redacted"], found["kept"]) == (4, ["customer"])
    assert found["example"]["outcomes"][0]["customer"] == "billing@acme.example"


def test_a_delivery_that_fails_keeps_its_failure(installed: Installation) -> None:
    stored(installed, b'{"state": "solved", "customer": "", "ticket": 7, "email": "a@b.example"}')
    found = installed.run("example", "d1", "--json").json
    assert found["example"]["fails"] == "mapping"
    assert "a@b.example" not in found["body"]


def test_a_form_with_json_in_it_is_redacted_inside(installed: Installation) -> None:
    body = urlencode({"payload": json.dumps(BODY), "user_name": "zoe"}).encode()
    stored(installed, body, "application/x-www-form-urlencoded")
    found = installed.run("example", "d1", "--json").json
    fields = parse_qs(found["body"])
    assert json.loads(fields["payload"][0])["requester"]["email"] == "person1@example.com"
    assert fields["user_name"] == ["Name 2"]
    assert found["example"]["headers"] == {"content-type": "application/x-www-form-urlencoded"}


def test_what_cannot_be_redacted_is_said(installed: Installation) -> None:
    stored(installed, b"<a/>", "text/xml")
    ran = installed.run("example", "d1")
    assert ran.code == 1
    assert "(text/xml) is neither JSON nor a form" in ran.err
    assert "there is no delivery 'd9'" in installed.run("example", "d9").err


def test_no_file_is_overwritten(installed: Installation, tmp_path: Path) -> None:
    stored(installed, b"{}")
    taken = tmp_path / "taken.json"
    taken.write_text("mine")
    ran = installed.run("example", "d1", "--out", str(taken))
    assert (ran.code, taken.read_text()) == (1, "mine")
    assert "taken.json exists already" in ran.err
    ran = installed.run("example", "d1", "--out", str(taken / "solved.json"))
    assert (ran.code, taken.read_text()) == (1, "mine")
    assert "taken.json is not a folder" in ran.err
