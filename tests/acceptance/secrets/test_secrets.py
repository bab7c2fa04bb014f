"""Secrets are planted everywhere they belong, and looked for everywhere they do not.

Real processes at the loudest log level, good and bad traffic of every kind of scheme, tracebacks
provoked; then every log, answer, command, file and row is searched.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from receiver.api.operations import OPERATIONS
from tests.acceptance.conftest import SHIPPED, _new_service
from tests.acceptance.secrets.planted import Planted, files_below
from tests.acceptance.test_up import Up
from tests.support.alerts import Place, place
from tests.support.processes import wait_until
from tests.support.service import Service

pytestmark = pytest.mark.acceptance

MAPPINGS = Path(__file__).with_name("mappings")
COMMANDS = "tests.acceptance.secrets.commands"
ROOT = Path(__file__).parents[3]
#: What the bodies of the redacting source hold, and its header.
REDACTED = ("redacted person", "redacted note", "redacted header")


class Site:
    """A service in whose every corner a secret is planted, and all that came out of it."""

    def __init__(self, service: Service, channel: Place) -> None:
        self.service = service
        self.channel = channel
        self.planted = Planted()
        self.said: list[tuple[str, bytes]] = []
        for name in ("SIGNED", "PATH", "INBODY"):
            service.environment[f"{name}_SECRET"] = self.planted.plant(f"{name}_SECRET")
        service.environment["RECEIVER_ADMIN_TOKEN"] = self.planted.plant("ADMIN_TOKEN")
        service.environment["RECEIVER_LOG_LEVEL"] = "debug"
        (service.secrets / "TOKEN_SECRET").write_text(self.planted.plant("TOKEN_SECRET"))
        password = self.planted.plant("basic password")
        dotenv = f"BASIC_SECRET={self.planted.plant('BASIC_SECRET', f'user:{password}')}\n"
        dotenv += f"UNUSED_SECRET={self.planted.plant('UNUSED_SECRET')}\n"
        (service.root / ".env").write_text(dotenv)
        for name in ("cookie", "bearer", "api key", *REDACTED):
            self.planted.plant(name)
        self.learnt = self.planted.plant("LEARNT_SECRET")
        base, channel.answers = channel.url.rpartition("/hook/")[0], [500]
        key = self.planted.plant("part of RECEIVER_ALERT_URL")
        service.environment["RECEIVER_ALERT_URL"] = f"{base}/hook/{key}?key={key}"
        signs = f"whsec_{base64.b64encode(self.planted.plant('notices').encode()).decode()}"
        service.environment["RECEIVER_ALERT_SECRET"] = signs

    def __getitem__(self, name: str) -> str:
        return self.planted.secrets[name]

    @property
    def credentials(self) -> dict[str, str]:
        """Headers that carry credentials and have nothing to do with any scheme."""
        return {
            "cookie": f"session={self['cookie']}",
            "authorization": f"Bearer {self['bearer']}",
            "x-api-key": self["api key"],
            "x-forwarded-access-token": self["api key"],
            "referer": f"https://x/{self['PATH_SECRET']}",
        }

    def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Any request, its answer kept."""
        answer = self.service.http("POST", path, content=body, headers=dict(headers))
        answered = f"{answer.status_code} {dict(answer.headers)} {answer.text}"
        self.said.append((f"answer to {path.partition('?')[0][:20]}", answered.encode()))
        return answer

    def get(self, path: str, token: str | None = None) -> str:
        headers = {"authorization": f"Bearer {token or self['ADMIN_TOKEN']}"}
        answer = self.service.http("GET", path, headers=headers)
        self.said.append((f"GET {path}", f"{dict(answer.headers)} {answer.text}".encode()))
        return answer.text

    def run(self, *arguments: str, **environment: str) -> int:
        ran = self.service.run(*arguments, environment=environment)
        self.said.append((f"receiver {arguments[0]}", f"{ran.out}\n{ran.err}".encode()))
        return ran.code

    def body(self, number: int, **more: Any) -> bytes:
        return json.dumps({"type": "solved", "customer": "acme", "id": number, **more}).encode()

    def good(self, number: int) -> dict[str, tuple[str, bytes, dict[str, str]]]:
        """A verified request of each source: path, body, headers."""
        body = self.body(number)
        inbody = self.body(number, secret=self["INBODY_SECRET"])
        person = self.body(
            number,
            person={"name": self[REDACTED[0]]},
            items=[{"note": self[REDACTED[1]]}, {"n": 1}],
        )
        basic = base64.b64encode(self["BASIC_SECRET"].encode()).decode()
        signed = {"x-signature": _hmac(self["SIGNED_SECRET"], body)}
        redacting = {
            "x-signature": _hmac(self["SIGNED_SECRET"], person),
            "x-person": self[REDACTED[2]],
        }
        return {
            "signed": ("/webhooks/signed", body, signed),
            "token": ("/webhooks/token", body, {"x-webhook-token": f"Key {self['TOKEN_SECRET']}"}),
            "basic": ("/webhooks/basic", body, {"authorization": f"Basic {basic}"}),
            "path": (f"/webhooks/path/{self['PATH_SECRET']}", body, {}),
            "query": (f"/webhooks/path?token={self['PATH_SECRET']}", self.body(number + 1), {}),
            "learnt": (
                "/webhooks/learnt",
                body,
                {"x-hook-signature": _hmac(self.learnt, body)},
            ),
            "inbody": ("/webhooks/inbody", inbody, {}),
            "redacting": ("/webhooks/redacting", person, redacting),
        }

    def bad(self) -> Iterator[tuple[str, bytes, dict[str, str]]]:
        """Requests that are refused though each shows a right secret somewhere."""
        everywhere = {
            "x-webhook-token": self["TOKEN_SECRET"],
            "x-signature": self["SIGNED_SECRET"],
            "x-hook-signature": self.learnt,
            "authorization": f"Basic {self['BASIC_SECRET']}",
        }
        broken = b"\xff" + self["INBODY_SECRET"].encode()
        for name, (path, body, headers) in self.good(900).items():
            if name in ("signed", "learnt", "redacting"):
                yield path, body + b" ", headers
                yield path, broken, everywhere | headers
            if headers:
                yield path, body, {name: f"{text}x" for name, text in headers.items()}
            yield path, body, headers | {"content-encoding": "gzip"}
            yield f"{path}/{self['PATH_SECRET']}/more", body, headers
        yield "/webhooks/inbody", broken, everywhere
        yield f"/webhooks/path/{self['PATH_SECRET']}x", b"{}", {}
        yield f"/webhooks/path?token={self['PATH_SECRET']}x", b"{}", {}
        yield f"/webhooks/unknown/{self['PATH_SECRET']}?token={self['PATH_SECRET']}", b"{}", {}
        yield "/webhooks/learnt", b"{}", {"x-hook-secret": self.learnt}
        yield f"/api/{self['ADMIN_TOKEN']}", b"{}", {"authorization": self["ADMIN_TOKEN"]}
        xml = f"<a>{self[REDACTED[0]]}</a>".encode()
        signature = {"x-signature": _hmac(self["SIGNED_SECRET"], xml)}
        yield "/webhooks/redacting", xml, signature | {"x-person": self[REDACTED[2]]}

    @contextlib.contextmanager
    def without(self, table: str) -> Iterator[None]:
        """Inside, a table is gone: what needs it ends in a traceback."""
        self.service.database.rows(f"ALTER TABLE {table} RENAME TO {table}_away")
        yield
        self.service.database.rows(f"ALTER TABLE {table}_away RENAME TO {table}")


def _hmac(secret: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path, database_kind: str) -> Iterator[Site]:
    service = _new_service(request, tmp_path, database_kind, MAPPINGS)
    with place() as channel:
        try:
            yield Site(service, channel)
        finally:
            service.close()


@pytest.mark.timeout(300)
def test_planted_secrets_are_nowhere_but_where_they_were_planted(
    site: Site, request: pytest.FixtureRequest, database_kind: str
) -> None:
    service = site.service
    service.start_web()
    service.start_worker()
    window = service.run("pair", "learnt", "--minutes", "5", "--json")
    url = httpx.URL(json.loads(window.out)["url"])
    # The answer repeats it, as the vendor insists; so it is not among what is searched.
    offered = {"x-hook-secret": site.learnt}
    path = url.raw_path.decode()
    assert service.http("POST", path, content=b"{}", headers=offered).status_code == 200
    _traffic(site)
    _tracebacks(site)
    if database_kind == "sqlite":  # of databases elsewhere, which need not be there
        _connections(site)
    _commands(site)
    _reads(site)
    wait_until(
        lambda: len(site.channel.posted) > 1, what="an alert, sent again after a 500", seconds=60
    )
    site.said += [
        ("a notice", repr(one.headers).encode() + one.body) for one in site.channel.posted
    ]
    searched = dict(site.said)
    assert len(searched) > 30
    # What is shown to be searched: a text that was stored is found in what was said and written.
    kept = Planted({"kept": "acme"})
    everything = [*site.said, *_files(site), *_database(site, request, database_kind)]
    assert {place for place, _ in kept.leaks(everything)} >= {
        "GET /api/deliveries/{delivery_id}",
        "all commands",
        "rows of deliveries",
        "rows of billing_events",
        *(["receiver.db"] if database_kind == "sqlite" else ["pg_wal"]),
    }
    leaks = {one for one in site.planted.leaks(everything) if not _is_kept_there(*one)}
    assert ("rows of learnt_secrets", "LEARNT_SECRET") in site.planted.leaks(everything)
    assert not leaks, "\n".join(sorted(map(str, leaks)))
    assert b"Traceback" in b"".join(data for place, data in everything if place.endswith(".log"))


def _traffic(site: Site) -> None:
    taken = {}
    for name, (path, body, headers) in site.good(1).items():
        answer = site.send(path, body, {**site.credentials, **headers})
        assert answer.is_success, (name, answer.text)
        taken[name] = answer.json()["delivery"]
    path, _, headers = site.good(1)["token"]
    assert site.send(path, b"no JSON: a failure to be reported", headers).status_code == 202
    for path, body, headers in site.bad():
        answer = site.send(path, body, {**site.credentials, **headers})
        assert answer.status_code >= 400, (path, answer.text)
    states = "SELECT count(*) FROM deliveries WHERE state = 'recorded'"
    wait_until(
        lambda: site.service.database.rows(states) == [(str(len(taken)),)],
        what="settling",
        seconds=20,
    )
    site.said.append(("ids", json.dumps(taken).encode()))


def _tracebacks(site: Site) -> None:
    """Bugs, as far as any module can tell: tables that are not there."""
    with site.without("intake"):
        for path, body, headers in site.good(101).values():
            assert site.send(path, body, {**site.credentials, **headers}).status_code == 503
        site.get("/api/status")
    with site.without("customers"):
        for number in (201, 301):
            path, body, headers = site.good(number)["signed"]
            body = body.replace(b"acme", b"acme-%d" % number)
            signed = headers | {"x-signature": _hmac(site["SIGNED_SECRET"], body)}
            assert site.send(path, body, signed).status_code == 202
        site.service.worker.wait_for_event("settle.exception")
    wait_until(
        lambda: (
            site.service.database.rows("SELECT 1 FROM deliveries WHERE state = 'received'") == []
        ),
        what="settling",
        seconds=30,
    )


def _connections(site: Site) -> None:
    """Database and Redis that refuse: no error may repeat the URL's password."""
    password = site.planted.plant("a password in a URL")
    databases = (
        f"postgresql+asyncpg://user:{password}@127.0.0.1:1/receiver",
        f"postgresql+asyncpg://user:{password}@127.0.0.1:none/receiver",
        f"postgresql+asyncpg://user:{password}@127.0.0.1:1/receiver?sslmode=on",
        f"postgresql://user:{password}@127.0.0.1:1/receiver",
    )
    for url in databases:
        assert site.run("status", RECEIVER_DATABASE_URL=url) != 0
    for command in ("migrate", "serve", "work"):
        assert site.run(command, RECEIVER_DATABASE_URL=databases[0]) != 0
    assert site.run("status", RECEIVER_REDIS_URL=f"http://:{password}@127.0.0.1:1") != 0
    url = f"redis://user:{password}@127.0.0.1:1/0"
    with site.service.another_web({"RECEIVER_REDIS_URL": url}) as other:
        path, body, headers = site.good(401)["signed"]
        taken = httpx.post(other.url + path, content=body, headers=headers)
        assert taken.status_code == 202
        other.wait_for_event("doorbell.down")
        site.said.append(("/readyz", httpx.get(f"{other.url}/readyz").content))


def _commands(site: Site) -> None:
    """Every command there is, in one process of its own."""
    ids = json.loads(dict(site.said)["ids"])
    path, body, headers = site.good(1)["token"]
    captured = site.service.root / "captured.json"
    lines = {"method": "POST", "url": f"http://x{path}", "headers": headers, "body": body.decode()}
    captured.write_text(json.dumps(lines))
    payload = site.service.root / "payload.json"
    payload.write_bytes(site.body(901, person=site[REDACTED[0]]))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            COMMANDS,
            "redacting",
            ids["redacting"],
            str(payload),
            str(captured),
        ],
        check=True,
        capture_output=True,
        env={
            **site.service.environment,
            "PYTHONPATH": str(ROOT),
            "RECEIVER_PORT": site.service._port(),
        },
        cwd=site.service.root,
        timeout=100,
    )
    assert b"$ show" in done.stdout
    site.said.append(("all commands", done.stdout + done.stderr))


def _is_kept_there(place: str, name: str) -> bool:
    """What a vendor sent is kept in one table, and so in the files of that database."""
    files = place.startswith(("receiver.db", "base", "pg_wal"))
    return name == "LEARNT_SECRET" and (place == "rows of learnt_secrets" or files)


def _reads(site: Site) -> None:
    """Every GET of the API, for each delivery that is kept, and what needs no token."""
    ids = json.loads(dict(site.said)["ids"]).values()
    for operation in OPERATIONS:
        if operation.method == "GET":
            for one in ids if "{" in operation.path else ("",):
                path = operation.path.replace("{delivery_id}", one)
                site.said.append((f"GET /api{operation.path}", site.get(f"/api{path}").encode()))
    for path in ("/api/openapi.json", "/metrics", "/readyz", "/livez", "/"):
        site.get(path)
    site.get("/api/status", token=f"{site['ADMIN_TOKEN']}x")
    site.get(f"/api/deliveries?source={site['ADMIN_TOKEN'][:3]}&limit=none")


def _files(site: Site) -> Iterator[tuple[str, bytes]]:
    """Logs, database files with their journals, and whatever else was left in the folder."""
    root = site.service.root
    kept = (root / ".env", site.service.secrets, root / "captured.json")
    yield from files_below(root, but=(*kept, root / "payload.json"))
    with site.service.valkey.client() as client:
        for key in client.scan_iter():
            yield "valkey", bytes(key) + client.dump(key)


def _database(site: Site, request: pytest.FixtureRequest, kind: str) -> Iterator[tuple[str, bytes]]:
    """Every row of every table, and the bytes that the server wrote."""
    database = site.service.database
    if kind == "sqlite":
        tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    else:
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    names = [name for (name,) in database.rows(tables)]
    assert "deliveries" in names
    for name in names:
        rows = database.rows(f'SELECT * FROM "{name}"')  # noqa: S608 - the name is the database's
        yield f"rows of {name}", repr(rows).encode()
    if kind == "postgres":
        data = request.getfixturevalue("postgres").directory / "data"
        for name, held in files_below(data, but=(data / "postmaster.pid",)):
            yield name.partition("/")[0], held


@pytest.mark.only("sqlite")
def test_up_says_no_secret_that_it_knows_or_makes(tmp_path: Path, database_kind: str) -> None:
    up = Up(tmp_path)
    planted = Planted()
    token = planted.plant("ADMIN_TOKEN")
    path = planted.plant("PATH_SECRET")
    up.environment |= {"RECEIVER_LOG_LEVEL": "debug", "RECEIVER_LOG_FORMAT": "console"}
    up.environment |= {"RECEIVER_ADMIN_TOKEN": token, "PATH_SECRET": path}
    shutil.copytree(SHIPPED, tmp_path / "mappings")
    shutil.copy(MAPPINGS / "path.yaml", tmp_path / "mappings")
    try:
        process = up.start()
        process.wait_for_output("receiver is up at")
        for one in (tmp_path / "var" / "secrets").iterdir():
            planted.plant(one.name, one.read_text().strip())
        assert len(planted.secrets) > 4
        body = b'{"type": "solved", "customer": "acme", "id": 1}'
        assert httpx.post(f"{up.url}/webhooks/path/{path}", content=body).status_code == 202
        assert httpx.post(f"{up.url}/webhooks/path/{path}x", content=body).status_code == 401
        assert up.get("/api/status", token).status_code == 200
        process.stop()
        said = [*files_below(tmp_path, but=(tmp_path / "var" / "secrets",))]
        assert planted.leaks(said) == set()
        assert Planted({"kept": "acme"}).leaks(said)
    finally:
        up.close()
