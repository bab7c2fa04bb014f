"""`verify`: exit 0 for what is verified, 1 with the diagnosis, 2 for misuse."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from receiver.signatures import sign
from tests.receiver.cli.conftest import Installation

BODY = b'{"state": "solved", "customer": "acme", "ticket": 7}'


def captured(folder: Path, *, age_seconds: float = 0, body: bytes = BODY) -> str:
    """A file with a request as Zendesk signs it."""
    headers = sign(
        "zendesk",
        secret="a secret of the tests",
        method="POST",
        url="",
        headers={},
        body=BODY,
        now=time.time() - age_seconds,
    )
    lines = ["POST /webhooks/zendesk HTTP/1.1", "Host: hooks.example.com"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    path = folder / "request.txt"
    path.write_bytes("\r\n".join([*lines, "", ""]).encode() + body)
    return str(path)


def test_a_good_request_is_verified(bare: Installation, tmp_path: Path) -> None:
    ran = bare.run("verify", "zendesk", "--request", captured(tmp_path))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("verified: signed with ZENDESK_SECRET, at ")


def test_an_old_one_is_verified_as_of_then(bare: Installation, tmp_path: Path) -> None:
    file = captured(tmp_path, age_seconds=7200)
    ran = bare.run("verify", "zendesk", "--request", file)
    assert ran.code == 1
    assert "refused: stale-timestamp" in ran.err
    at = ran.out.partition("--at ")[2].split()[0]
    assert bare.run("verify", "zendesk", "--request", file, "--at", at).code == 0


def test_the_failed_step_is_named(bare: Installation, tmp_path: Path) -> None:
    file = captured(tmp_path, body=BODY + b"\n")
    ran = bare.run("verify", "zendesk", "--request", file, "--json")
    assert ran.code == 1
    assert ran.json["cause"] == "wrong-signature"
    assert [one["step"] for one in ran.json["findings"]] == ["body"]
    out = bare.run("verify", "zendesk", "--request", file).out
    assert "without the line break at the body's end" in out
    assert "otherwise right: signed with ZENDESK_SECRET" in out


def test_the_secret_of_another_source_is_named_and_never_shown(
    bare: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (bare.mappings / "zendesk.yaml").read_text()
    other = text.replace("source: zendesk", "source: other").replace("ZENDESK_", "OTHER_")
    (bare.mappings / "other.yaml").write_text(other)
    monkeypatch.setenv("OTHER_SECRET", "another")
    ran = bare.run("verify", "other", "--request", captured(tmp_path))
    assert ran.code == 1
    assert "signed with ZENDESK_SECRET of source zendesk" in ran.out
    assert "a secret of the tests" not in ran.out + ran.err


def test_a_request_in_json_needs_no_url(bare: Installation, tmp_path: Path) -> None:
    captured(tmp_path)
    head, _, body = (tmp_path / "request.txt").read_bytes().decode().partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    (tmp_path / "request.json").write_text(json.dumps({"headers": headers, "body": body}))
    assert bare.run("verify", "zendesk", "--request", str(tmp_path / "request.json")).code == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["zendesk", "--request", "none.txt"], "none.txt cannot be read"),
        (["zendesk", "--request", "mappings/agents.yaml"], "no request line"),
        (["zendesk", "--request", "bad.txt"], "its URL cannot be read"),
        (["zendsk", "--request", "bad.txt"], "did you mean zendesk?"),
        (["zendesk", "--request", "bad.txt", "--at", "noon"], "at is 'noon'"),
        (["zendesk"], "--request"),
    ],
)
def test_misuse_exits_2(
    bare: Installation, tmp_path: Path, arguments: list[str], expected: str
) -> None:
    (tmp_path / "bad.txt").write_text("POST http://[::1 HTTP/1.1\n\n")
    ran = bare.run("verify", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert expected in ran.err


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/webhook/zendesk", "it was sent to /webhook/zendesk, which is not this source's path"),
        ("/webhooks//zendesk", "the path has two slashes in a row"),
        ("/webhooks/zendesk/more-s3cret", "it was sent to /webhooks/zendesk/…"),
        ("/webhooks/zendsk", "it was sent to /webhooks/zendsk"),
        ("/hooks/webhooks/zendesk", "something stands before /webhooks/"),
        ("https://hooks.example.com/", "the URL has no path"),
    ],
)
def test_a_request_that_missed_the_sources_url_is_refused(
    bare: Installation, tmp_path: Path, path: str, expected: str
) -> None:
    file = Path(captured(tmp_path))
    file.write_bytes(file.read_bytes().replace(b"/webhooks/zendesk", path.encode(), 1))
    ran = bare.run("verify", "zendesk", "--request", str(file))
    assert ran.code == 1
    assert expected in ran.out
    assert "let the vendor call http://127.0.0.1:8080/webhooks/zendesk" in ran.out
    assert "more-s3cret" not in ran.out + ran.err
    shown = bare.run("verify", "zendesk", "--request", str(file), "--json").json
    assert (shown["verified"], shown["findings"][0]["step"]) == (False, "url")


@pytest.mark.parametrize("path", ["/webhooks/zendesk/", "/hooks/webhooks/zendesk"])
def test_one_slash_at_the_end_and_the_prefix_of_the_public_url_are_right(
    bare: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("RECEIVER_PUBLIC_URL", "https://hooks.example.com/hooks")
    file = Path(captured(tmp_path))
    file.write_bytes(file.read_bytes().replace(b"/webhooks/zendesk", path.encode(), 1))
    ran = bare.run("verify", "zendesk", "--request", str(file))
    assert ran.code == 0, ran.out
    assert len(ran.out.splitlines()) == 1


def test_another_host_is_named_and_an_inner_one_is_not(
    bare: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_PUBLIC_URL", "https://new.example.com")
    file = Path(captured(tmp_path))
    ran = bare.run("verify", "zendesk", "--request", str(file))
    assert ran.code == 0
    assert "it was sent to the host hooks.example.com" in ran.out
    file.write_bytes(file.read_bytes().replace(b"hooks.example.com", b"127.0.0.1:8080"))
    assert "host" not in bare.run("verify", "zendesk", "--request", str(file)).out


@pytest.mark.parametrize("tail", ["b64/with+slash==/part", "b64%2Fwith%2Bslash%3D%3D%2Fpart"])
def test_a_secret_of_any_characters_in_the_path_is_judged_as_the_endpoint_does(
    bare: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tail: str
) -> None:
    text = (bare.mappings / "zendesk.yaml").read_text()
    other = text.replace("source: zendesk", "source: crm").replace("ZENDESK_", "CRM_")
    (bare.mappings / "crm.yaml").write_text(other.replace("scheme: zendesk", "scheme: path-token"))
    monkeypatch.setenv("CRM_SECRET", "b64/with+slash==/part")
    file = tmp_path / "request.txt"
    file.write_text(f"POST /webhooks/crm/{tail} HTTP/1.1\r\nHost: h\r\n\r\n{{}}")
    assert bare.run("verify", "crm", "--request", str(file)).code == 0
    file.write_text(f"POST /webhooks/crm/{tail}-no HTTP/1.1\r\nHost: h\r\n\r\n{{}}")
    assert "wrong-token" in bare.run("verify", "crm", "--request", str(file)).err
