"""`check`, `try` and `send`."""

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from jobs.storage.schema import customers, mapping_versions
from receiver.signatures import SignatureError, verify
from tests.receiver.cli.conftest import Installation
from tests.support.rows import START, Rows
from tests.support.texts import ZENDESK


@pytest.fixture
def payload(bare: Installation) -> Path:
    path = bare.root / "solved.json"
    path.write_text('{"state": "solved", "customer": "acme", "ticket": 17}')
    return path


def test_check_of_good_files_exits_0(bare: Installation) -> None:
    ran = bare.run("check", "--offline")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "1 source, 1 rule, all examples as expected\n"


def test_check_warns_of_a_key_that_anybody_can_change(bare: Installation) -> None:
    rule = "outcomes: [{name: r, when: 'true', agent: support-agent, customer: acme,"
    rule += " indicator: ticket-resolved, once_per: '${{ headers[\"%s\"] }}'}]\n"
    head = "source: %s\nverify: {scheme: %s, secrets: [S]}\n"
    for source, scheme, header in (
        ("github", "github", "x-github-delivery"),
        ("svix", "standard-webhooks", "webhook-id"),
    ):
        (bare.mappings / f"{source}.yaml").write_text(head % (source, scheme) + rule % header)
    behind = "let: {id_of: 'headers[\"x-github-delivery\"]', key: 'id_of', other: 'headers.date'}\n"
    by_let = rule.replace('headers["%s"]', "key")
    (bare.mappings / "letting.yaml").write_text(head % ("letting", "github") + behind + by_let)
    ran = bare.run("check", "--offline")
    assert (ran.code, ran.err.count("once_per reads")) == (0, 2), ran
    for source in ("github", "letting"):
        warning = f"source {source}, rule r: once_per reads x-github-delivery, which is not"
        assert warning in ran.err


def test_check_warns_of_prices_that_may_be_wrong(bare: Installation) -> None:
    (bare.mappings / "agents.yaml").write_text(
        "agents:\n  support-agent:\n    indicators:\n"
        '      ticket-resolved: {percent: "2", currency: USD}\n'
        "    customers:\n"
        '      acme-crop: {ticket-resolved: {percent: "1", currency: USD}}\n'
    )
    bare.edit("    once_per:", "    value: ${{ payload.amount }}\n    once_per:")
    assert "acme-crop" not in bare.run("check", "--offline").err  # any customer can come
    bare.migrate()

    async def customer(rows: Rows) -> None:
        async with rows.database.write() as connection:
            await connection.execute(
                insert(customers).values(id="acme-corp", first_billed_at=START)
            )

    bare.fill(customer)
    ran = bare.run("check", "--database")
    assert ran.code == 0
    assert "its `value` has no currency, and `ticket-resolved` of support-agent" in ran.err
    assert "for customer `acme-crop`" in ran.err
    assert "Write `acme-corp` if that is meant" in ran.err


def test_check_prints_every_problem_at_its_place(bare: Installation) -> None:
    bare.edit('payload.state == "solved"', "payload.state ==")
    (bare.mappings / "github.yaml").write_text("source: github\nwhat: 1\n")
    ran = bare.run("check", "--offline")
    assert ran.code == 1
    assert f"{bare.mappings}/zendesk.yaml:5:" in ran.out
    assert f"{bare.mappings}/github.yaml:2:1: " in ran.out
    problems = bare.run("check", "--offline", "--json").json
    assert problems[0].keys() == {"file", "line", "column", "message", "remediation"}


def test_check_runs_the_examples(bare: Installation) -> None:
    example = (
        'examples:\n  - payload: {state: "solved", customer: "acme", ticket: 1}\n'
        '    outcomes: [{amount: "1.00 USD"}]\n'
    )
    with (bare.mappings / "zendesk.yaml").open("a") as file:
        file.write(example)
    ran = bare.run("check", "--offline")
    assert ran.code == 1
    assert "zendesk.yaml:12:" in ran.out
    assert "0.99 USD" in ran.out


def test_check_of_another_folder(bare: Installation, tmp_path: Path) -> None:
    ran = bare.run("check", "--offline", str(tmp_path / "nowhere"))
    assert ran.code == 2
    assert "cannot be read" in ran.err


def test_without_a_database_check_continues_by_default(bare: Installation) -> None:
    ran = bare.run("check")
    assert ran.code == 0
    assert "not compared with what has billed" in ran.err
    assert bare.run("check", "--database").code == 1


def test_check_refuses_an_edit_that_would_bill_again(installed: Installation) -> None:
    async def has_billed(rows: Rows) -> None:
        await rows.outcome(await rows.delivery(), mapping_version="v1")

    async def version(rows: Rows) -> None:
        async with rows.database.write() as connection:
            await connection.execute(
                insert(mapping_versions).values(
                    version="v1",
                    kind="mapping",
                    name="zendesk.yaml",
                    text=ZENDESK.decode(),
                    parts={},
                    first_used_at=START,
                )
            )

    installed.fill(version)
    installed.fill(has_billed)
    assert installed.run("check").code == 0
    installed.edit("id(payload.ticket)", "id(payload.ticket_id)")
    ran = installed.run("check")
    assert ran.code == 1
    assert "zendesk.yaml:9:15: The once_per of `solved`, which has billed" in ran.out
    assert installed.run("check", "--offline").code == 0


def test_try_shows_each_rule_with_its_values(bare: Installation, payload: Path) -> None:
    ran = bare.run("try", "zendesk", str(payload))
    assert ran.code == 0
    for part in ("solved matches", 'payload.state → "solved"', 'customer: "acme"', "0.99 USD"):
        assert part in ran.out


def test_try_says_why_a_rule_does_not_match(bare: Installation, payload: Path) -> None:
    payload.write_text('{"state": "open"}')
    ran = bare.run("try", "zendesk", str(payload))
    assert ran.code == 0
    assert "solved does not match" in ran.out
    assert "would bill nothing: no rule matched" in ran.out


def test_try_flags_a_comparison_across_types(bare: Installation, payload: Path) -> None:
    bare.edit('payload.state == "solved"', 'payload.ticket == "17"')
    assert "never equal" in bare.run("try", "zendesk", str(payload)).out


def test_try_exits_1_where_it_would_fail(bare: Installation, payload: Path) -> None:
    payload.write_text('{"state": "solved", "ticket": 17}')
    ran = bare.run("try", "zendesk", str(payload))
    assert ran.code == 1
    assert "it would fail as mapping" in ran.err
    assert bare.run("try", "zendesk", str(payload), "--json").json["events"]


def test_try_reads_standard_input(bare: Installation) -> None:
    ran = bare.run("try", "zendesk", "-", given='{"state": "open"}')
    assert "no rule matched" in ran.out


def test_try_takes_a_stored_delivery(installed: Installation) -> None:
    body = b'{"state": "solved", "customer": "acme", "ticket": 17}'
    installed.fill(lambda rows: rows.failure("unpriced", "no price", body=body))
    assert "0.99 USD" in installed.run("try", "zendesk", "d1").out
    ran = installed.run("try", "zendesk", "d9")
    assert (ran.code, ran.out) == (1, "")
    assert "neither a file nor a delivery" in ran.err


@pytest.mark.parametrize("command", ["try", "send"])
def test_an_unknown_source_is_named_with_its_neighbour(
    bare: Installation, payload: Path, command: str
) -> None:
    ran = bare.run(command, "zendesc", str(payload))
    assert ran.code == 2
    assert "did you mean zendesk?" in ran.err


def test_a_source_with_a_broken_file_shows_what_is_wrong(bare: Installation, payload: Path) -> None:
    bare.edit("indicator:", "indicater:")
    ran = bare.run("try", "zendesk", str(payload))
    assert ran.code == 1
    assert "zendesk.yaml:8:5" in ran.err


class _Vendorside(BaseHTTPRequestHandler):
    """Proves what it gets as the receiver would."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            verify(
                "zendesk",
                secrets=["a secret of the tests"],
                method="POST",
                url=f"http://{self.headers['host']}{self.path}",
                headers=dict(self.headers.items()),
                body=body,
                now=time.time(),
            )
            self.send_response(202)
        except SignatureError:
            self.send_response(401)
        self.end_headers()
        shown = {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}
        self.wfile.write(json.dumps(shown).encode())

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def listening(bare: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A listener at the address of this service."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Vendorside)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("RECEIVER_PORT", str(server.server_port))
    yield bare
    server.shutdown()
    thread.join()
    server.server_close()


def test_send_signs_as_the_vendor_does(listening: Installation, payload: Path) -> None:
    ran = listening.run("send", "zendesk", str(payload), "--id", "one", "--json")
    assert ran.code == 0
    assert ran.json["status"] == 202
    assert ran.json["answer"]["path"] == "/webhooks/zendesk"
    headers = ran.json["answer"]["headers"]
    assert headers["x-zendesk-webhook-invocation-id"] == "one"
    assert headers["content-type"] == "application/json"


def test_a_tampered_body_is_refused_and_exits_1(listening: Installation, payload: Path) -> None:
    ran = listening.run("send", "zendesk", str(payload), "--tamper")
    assert "answered 401, as expected" in ran.err.replace("\n  ", " ")
    assert ran.code == 1
    assert ran.out.startswith("401")


def test_send_posts_to_the_given_url(listening: Installation, payload: Path) -> None:
    port = os.environ["RECEIVER_PORT"]
    url = f"http://127.0.0.1:{port}/elsewhere"
    ran = listening.run("send", "zendesk", str(payload), "--url", url, "--json")
    assert ran.json["answer"]["path"] == "/elsewhere"


def test_an_example_goes_with_its_own_headers(listening: Installation) -> None:
    examples = listening.mappings / "examples"
    examples.mkdir()
    (examples / "a.json").write_text('{"state": "open"}')
    with (listening.mappings / "zendesk.yaml").open("a") as file:
        file.write(
            "examples:\n  - payload: examples/a.json\n    headers: {X-Kind: test}\n"
            "    outcomes: []\n"
        )
    ran = listening.run("send", "zendesk", str(examples / "a.json"), "--json")
    assert ran.json["answer"]["headers"]["x-kind"] == "test"


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        pytest.param(["nowhere.json"], 2, "nowhere.json cannot be read", id="no-file"),
        pytest.param(["solved.json", "--url", "x"], 2, "write http://HOST/PATH", id="no-url"),
        pytest.param(["solved.json", "--header", "x"], 2, "write 'Name: value'", id="no-header"),
        pytest.param(
            ["solved.json", "--url", "http://127.0.0.1:1/"], 1, "nothing answers", id="no-listener"
        ),
    ],
)
@pytest.mark.usefixtures("payload")
def test_what_cannot_be_sent_says_why(
    bare: Installation, arguments: list[str], code: int, expected: str
) -> None:
    ran = bare.run("send", "zendesk", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert expected in ran.err


def test_send_without_a_secret_names_it(
    bare: Installation, payload: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZENDESK_SECRET")
    ran = bare.run("send", "zendesk", str(payload))
    assert ran.code == 1
    assert "set ZENDESK_SECRET" in ran.err
