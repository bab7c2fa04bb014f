"""`redact:` on the command line: what each command that shows a payload makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.receiver.cli.conftest import Installation
from tests.support.rows import Rows

PLANTED = "ada@example.com"
BODY = {"state": "solved", "ticket": 7, "customer": "acme", "requester": {"code": PLANTED}}


@pytest.fixture
def redacting(installed: Installation) -> Installation:
    installed.edit("outcomes:", "redact: [payload.requester.code, headers.x-user]\noutcomes:")
    return installed


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    path = tmp_path / "solved.json"
    path.write_text(json.dumps(BODY))
    return path


def test_try_maps_a_file_as_it_would_be_stored(redacting: Installation, payload: Path) -> None:
    ran = redacting.run("try", "zendesk", str(payload), "--json")
    assert ran.code == 0
    assert PLANTED not in ran.out


def test_try_says_of_a_file_that_cannot_be_redacted_what_would_become_of_it(
    redacting: Installation,
) -> None:
    ran = redacting.run("try", "zendesk", "-", "--header", "content-type: text/xml", given="<a/>")
    assert ran.code == 1
    assert "it would be answered 503 and not stored" in ran.err
    assert "it is XML" in ran.err


def test_show_says_how_many_values_were_taken_out(installed: Installation) -> None:
    async def fill(rows: Rows) -> None:
        await rows.delivery(redacted=2)
        await rows.delivery()

    installed.fill(fill)
    assert "redacted    2 values" in installed.run("show", "d1").out
    assert installed.run("show", "d1", "--json").json["redacted"] == 2
    assert "redacted" not in installed.run("show", "d2").out
    assert installed.run("show", "d2", "--json").json["redacted"] == 0


def test_sources_names_what_is_taken_out(redacting: Installation) -> None:
    paths = ["payload.requester.code", "headers.x-user"]
    assert redacting.run("sources", "--json").json[0]["redacts"] == paths
    assert f"redacts  {', '.join(paths)}" in redacting.run("sources").out


def test_an_example_of_an_older_delivery_goes_out_as_it_would_be_stored_today(
    redacting: Installation,
) -> None:
    async def fill(rows: Rows) -> None:
        await rows.delivery(body=json.dumps(BODY).encode())
        await rows.delivery(body=b"{")

    redacting.fill(fill)
    ran = redacting.run("example", "d1")
    assert ran.code == 0
    assert json.loads(ran.out)["requester"] == {"code": "[redacted]"}
    assert "0 values redacted" in ran.err
    refused = redacting.run("example", "d2")
    assert refused.code == 1
    assert "values are to be taken out of d2, and it is not JSON" in refused.err


def test_check_refuses_an_expression_that_reads_what_is_redacted(redacting: Installation) -> None:
    redacting.edit("payload.requester.code", "payload.customer")
    ran = redacting.run("check", "--offline")
    assert ran.code == 1
    assert "zendesk.yaml:8:19: This reads `payload.customer`" in ran.out
