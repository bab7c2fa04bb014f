"""`schemes` and `pair`; what `check` warns about; `send` of unusual signatures."""

from __future__ import annotations

import json
import secrets as randomness
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from jobs.intake.pairing import take
from receiver.signatures import PRESETS, verify
from receiver.signatures.handshake_knobs import HANDSHAKE_KNOBS
from receiver.signatures.knobs import GENERIC_KNOBS
from tests.receiver.cli.conftest import Installation
from tests.support.rows import Rows

PAIRING = "receiver.cli.pair"
RULES = """
outcomes:
  - name: done
    when: payload.state == "done"
    agent: support-agent
    customer: acme
    indicator: ticket-resolved
    once_per: ${{ id(payload.id) }}
"""


def add_source(bare: Installation, scheme: str, *, secrets: str = "A_SECRET") -> None:
    head = f"source: {scheme}\nverify: {{scheme: {scheme}, secrets: [{secrets}]}}"
    (bare.mappings / f"{scheme}.yaml").write_text(head + RULES)


def offered(bare: Installation, source: str, url: str, learnt: str | None, **shown: str) -> bool:
    """Whether what a vendor sends to that URL is taken."""
    token = dict(parse_qsl(urlsplit(url).query))["pair"]

    async def work(rows: Rows) -> bool:
        found = await take(rows.database, source, token=token, learnt=learnt, shown=shown)
        return found is not None

    return bare.fill(work)


def test_schemes_is_a_table_of_all_that_a_person_needs(bare: Installation) -> None:
    ran = bare.run("schemes")
    assert ran.code == 0
    assert all(name in ran.out for name in PRESETS)
    for column in (
        "vendor",
        "header",
        "what is signed",
        "replay window",
        "delivery id",
        "strength",
    ):
        assert column in ran.out
    assert "webhook-id, signed" in ran.out
    assert "body open" in ran.out


def test_schemes_as_json_and_by_a_word(bare: Installation) -> None:
    [one] = bare.run("schemes", "hubspot_v3", "--json").json
    assert one["scheme"] == "hubspot-v3"
    assert one["signed"] == ["method", "URL", "body", "time"]
    assert (one["window_seconds"], one["delivery_id"], one["strength"]) == (300, None, "strong")
    assert len(bare.run("schemes", "--json").json) == len(PRESETS)
    ran = bare.run("schemes", "unknown")
    assert (ran.code, ran.out) == (2, "")
    assert "A vendor without a preset: `--scheme hmac`" in ran.err.replace("\n  ", " ")


@pytest.mark.parametrize("scheme", sorted(GENERIC_KNOBS))
def test_schemes_shows_the_keys_of_a_scheme_of_no_vendor(bare: Installation, scheme: str) -> None:
    shown = bare.run("schemes", scheme).out
    for name in (*GENERIC_KNOBS[scheme], *HANDSHAKE_KNOBS, "tolerance_seconds"):
        assert f"\n  {name}  " in shown


def test_schemes_shows_how_a_source_of_ones_own_signs(bare: Installation) -> None:
    bare.run("new", "acme-desk", "--scheme", "hmac")
    file = bare.mappings / "acme-desk.yaml"
    text = file.read_text()
    for old, new in (
        ("header: X-Signature ", "header: X-Acme-Signature "),
        ('prefix: "" ', 'prefix: "v1=" '),
        ("algorithm: sha256", "algorithm: sha512"),
        ("encoding: hex ", "encoding: base64 "),
        ("key_encoding: utf8", "key_encoding: hex"),
        ('"{body}" ', '"{timestamp}:{body}" '),
        ("# separator", "separator"),
        ("# timestamp_element", "timestamp_element"),
        ("# timestamp_unit: seconds", "timestamp_unit: milliseconds"),
    ):
        assert old in text, "the file that was begun has each knob"
        text = text.replace(old, new)
    file.write_text(text)
    ran = bare.run("schemes", "acme-desk")
    assert "X-Acme-Signature: t={timestamp},v1={signature}" in ran.out
    assert "HMAC-SHA512 in base64" in ran.out
    assert '-macopt "hexkey:$SECRET" -binary | openssl base64 -A' in ran.out
    [one] = bare.run("schemes", "acme-desk", "--json").json
    assert one["openssl"] in ran.out


def test_a_secret_in_the_url_is_named_and_never_shown(
    bare: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_source(bare, "salesforce-outbound-message")
    monkeypatch.setenv("A_SECRET", "an-unguessable-part")
    listed = {one["source"]: one["url"] for one in bare.run("sources", "--json").json}
    url = listed["salesforce-outbound-message"]
    assert url.endswith("/webhooks/salesforce-outbound-message/<A_SECRET>")
    assert listed["zendesk"].endswith("/webhooks/zendesk")
    assert "unguessable" not in bare.run("sources").out
    monkeypatch.setenv("A_SECRET", "an/unguessable+part")
    listed = {one["source"]: one["url"] for one in bare.run("sources", "--json").json}
    assert listed["salesforce-outbound-message"].endswith("/<A_SECRET, percent-encoded>")
    assert "unguessable" not in bare.run("sources").out


def test_sources_shows_the_one_that_is_named(bare: Installation) -> None:
    add_source(bare, "linear")
    [one] = bare.run("sources", "linear", "--json").json
    assert one["source"] == "linear"
    shown = bare.run("sources", "linear").out
    assert "/webhooks/linear" in shown
    assert "zendesk" not in shown
    ran = bare.run("sources", "linaer")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no source 'linaer'; did you mean linear?" in ran.err


def test_a_secret_of_another_form_is_named_where_it_was_said_to_be_set(
    bare: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    monkeypatch.setenv("ZENDESK_SECRET", shown)
    ran = bare.run("sources")
    assert "ZENDESK_SECRET has the form v1,whsec_… of Standard Webhooks" in ran.out
    assert "write scheme: standard-webhooks" in ran.out
    assert shown not in ran.out + ran.err


def test_check_warns_of_a_weak_source_and_takes_it(bare: Installation) -> None:
    add_source(bare, "lever")
    add_source(bare, "pipedrive")
    add_source(bare, "ashby")
    ran = bare.run("check", "--offline")
    assert ran.code == 0
    assert "source lever (lever): its signature leaves the payload unprotected" in ran.err
    assert "source pipedrive (pipedrive): it shows a shared secret" in ran.err
    assert "source ashby (ashby): neither a delivery id nor the time" in ran.err
    assert "zendesk" not in ran.err


def test_a_window_for_retries_is_listed_and_a_narrow_one_is_warned_of(bare: Installation) -> None:
    add_source(bare, "linear")
    assert "linear" not in bare.run("check", "--offline").err
    listed = {one["source"]: one["window"] for one in bare.run("sources", "--json").json}
    assert listed["linear"] == "7h 43m for retries, 60 s ahead"
    assert listed["zendesk"] == "300 s"
    assert "7h 43m for retries" in bare.run("sources").out
    shown = bare.run("schemes", "linear").out
    assert "answer  200, with JSON" in shown
    assert "retries for 7h 1m, under the first time of signing" in shown
    assert "window  7h 43m for retries, 60 s ahead" in shown
    assert "Sent again within 7h 43m, as its vendor's retries are" in bare.run(
        "schemes", "linear"
    ).out.replace("\n", " ")
    file = bare.mappings / "linear.yaml"
    narrow = "scheme: linear, tolerance_seconds: 60"
    file.write_text(file.read_text().replace("scheme: linear", narrow))
    assert "in its retries, for 7h 1m: a tolerance of 60 s refuses them" in bare.run(
        "check", "--offline"
    ).err.replace("\n", " ")
    listed = {one["source"]: one["window"] for one in bare.run("sources", "--json").json}
    assert listed["linear"] == "60 s"


def test_pair_opens_a_window_for_the_first_secret_that_is_not_set(
    bare: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare.migrate()
    add_source(bare, "asana", secrets="ASANA_OLD, ASANA_NEW")
    monkeypatch.setenv("ASANA_OLD", "set by hand")
    ran = bare.run("pair", "asana", "--minutes", "5", "--json")
    opened = ran.json
    assert opened["until"].endswith("Z")
    assert (opened["source"], opened["secret"], opened["sent"]) == ("asana", "ASANA_NEW", None)
    assert opened["url"] in ran.err
    assert not offered(bare, "asana", f"{opened['url']}x", "mine")
    assert offered(bare, "asana", opened["url"], "from-asana")
    listed = {one["source"]: one for one in bare.run("sources", "--json").json}
    assert {one["name"]: one["is_set"] for one in listed["asana"]["secrets"]}["ASANA_NEW"]


def test_a_second_pair_takes_the_next_name_or_refuses_and_replaces_on_request(
    bare: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare.migrate()
    add_source(bare, "asana")
    first = bare.run("pair", "asana", "--json").json
    assert offered(bare, "asana", first["url"], "the first webhook's")
    for more in ((), ("--secret", "A_SECRET")):
        ran = bare.run("pair", "asana", *more)
        assert ran.code == 1
        assert "A_SECRET came from the vendor and is in use" in ran.err
        assert "asana.yaml" in ran.err
        assert "`secrets: [A_SECRET, A_SECRET_2]`" in ran.err
    monkeypatch.setenv("A_SECRET_2", "that of something else")
    assert "`secrets: [A_SECRET, A_SECRET_3]`" in bare.run("pair", "asana").err
    monkeypatch.delenv("A_SECRET_2")
    replaced = bare.run("pair", "asana", "--replace", "--json").json
    assert replaced["secret"] == "A_SECRET"
    assert offered(bare, "asana", replaced["url"], "another webhook's")
    add_source(bare, "asana", secrets="A_SECRET, A_SECRET_2")
    second = bare.run("pair", "asana", "--json").json
    assert second["secret"] == "A_SECRET_2"
    assert offered(bare, "asana", second["url"], "the second webhook's")


def test_pair_refuses_what_would_change_nothing(
    bare: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_source(bare, "asana")
    monkeypatch.setenv("A_SECRET", "set by hand")
    assert "A_SECRET is set in the environment" in bare.run("pair", "asana").err
    ran = bare.run("pair", "asana", "--secret", "ANOTHER")
    assert (ran.code, "it has A_SECRET" in ran.err) == (2, True)
    ran = bare.run("pair", "zendesk")
    assert (ran.code, "sends no secret" in ran.err) == (2, True)
    assert bare.run("pair", "unknown").code == 2


def test_pair_0_closes_the_window(bare: Installation) -> None:
    bare.migrate()
    add_source(bare, "notion")
    opened = bare.run("pair", "notion", "--json").json
    assert bare.run("pair", "notion", "--minutes", "0").code == 0
    assert not offered(bare, "notion", opened["url"], "a")


def test_pair_waits_and_shows_what_the_vendor_sent(
    bare: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor calls while the command waits: here, whenever it looks."""
    bare.migrate()
    add_source(bare, "salesforce-ens")
    given: list[str] = []
    token_of = randomness.token_urlsafe

    def token(size: int) -> str:
        given.append(token_of(size))
        return given[-1]

    def vendor(_: float) -> None:
        url = f"http://x/webhooks/salesforce-ens?pair={given[-1]}"
        assert offered(bare, "salesforce-ens", url, None, callbackId="c1", verificationKey="k1")

    monkeypatch.setattr(f"{PAIRING}.randomness.token_urlsafe", token)
    monkeypatch.setattr(f"{PAIRING}.time.sleep", vendor)
    ran = bare.run("pair", "salesforce-ens", "--wait", "--minutes", "1")
    assert ran.code == 0
    assert ran.out == "callbackId: c1\nverificationKey: k1\n"


@pytest.fixture
def listener() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A vendor's view of us: a server that keeps what it was sent."""
    seen: list[dict[str, Any]] = []

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append({"path": self.path, "headers": dict(self.headers), "body": body})
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keep)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()


@pytest.mark.parametrize("scheme", ["lever", "pandadoc", "linear", "zoho-crm", "twilio-json"])
def test_send_writes_into_body_and_url_what_the_vendor_writes_there(
    bare: Installation,
    listener: tuple[str, list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    base, seen = listener
    add_source(bare, scheme)
    monkeypatch.setenv("A_SECRET", "a secret of text")
    payload = bare.root / "sent.json"
    payload.write_text(json.dumps({"state": "done", "id": 1}))
    ran = bare.run("send", scheme, str(payload), "--url", f"{base}/webhooks/{scheme}")
    assert ran.code == 0
    [sent] = seen
    assert verify(
        scheme,
        secrets=["a secret of text"],
        method="POST",
        url=base + sent["path"],
        headers=sent["headers"],
        body=sent["body"],
        now=time.time(),
    ).signed_sha256
    assert json.loads(sent["body"])["state"] == "done"
