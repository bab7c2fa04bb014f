"""A captured request, changed where its signature does not look: billed once, whatever is sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.support.databases import Outside, PostgresDatabase, SqliteFile
from tests.support.processes import wait_until
from tests.support.service import Service
from tests.support.vendors import Post

SECRETS = {"TEXTS_SECRET": "twilio's token", "NOTES_SECRET": "of notes", "HIRES_SECRET": "lever's"}
FORM = "application/x-www-form-urlencoded"
AS_MULTIPART = "multipart/form-data; boundary=X"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def receiver(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("captured")
    database: Outside = (
        SqliteFile(root)
        if request.param == "sqlite"
        else PostgresDatabase(request.getfixturevalue("postgres"))
    )
    service = Service(root, database, Path(__file__).parent / "mappings")
    service.environment |= SECRETS
    try:
        service.migrate()
        service.start_web()
        service.start_worker()
        yield service
    finally:
        service.close()


def text(service: Service, fields: dict[str, str], *, token: str = "1") -> Post:
    """As Twilio posts and signs a form."""
    content = f"{service.web.url}/webhooks/texts"
    content += "".join(name + fields[name] for name in sorted(fields))
    digest = hmac.digest(SECRETS["TEXTS_SECRET"].encode(), content.encode(), hashlib.sha1)
    headers = {
        "content-type": FORM,
        "x-twilio-signature": base64.b64encode(digest).decode(),
        "i-twilio-idempotency-token": token,
    }
    return Post(source="texts", body=urlencode(fields).encode(), headers=headers)


def message(body: str, sender: str, **more: str) -> dict[str, str]:
    return {
        "AccountSid": "AC01",
        "ApiVersion": "2010-04-01",
        "Body": body,
        "From": sender,
        "MessageSid": f"SM9f{sender}",
        "NumMedia": "0",
        **more,
    }


def billed(service: Service, posts: list[Post], customer: str) -> int:
    """How many billing events the customer has once all of these are settled."""
    for post in posts:
        service.post(post)
        # One after the other; not every vendor is answered an id.
        wait_until(service.all_settled, seconds=15, what="settling")
    return len(service.billed(customer))


def test_moved_borders_and_other_ids_bill_a_text_once(receiver: Service) -> None:
    honest = text(receiver, message("YES", "1"))
    posts = [honest]
    rest = "SM9f1NumMedia"
    for cut in range(1, len(rest)):
        for id_ in (str(cut), "", "x"):
            moved = f"MessageSid={rest[:cut]}&{rest[cut:]}=0".encode()
            body = honest.body.replace(b"MessageSid=SM9f1&NumMedia=0", moved)
            headers = {**honest.headers, "i-twilio-idempotency-token": id_}
            posts.append(replace(honest, body=body, headers=headers))
    assert billed(receiver, posts, "1") == 1


@pytest.mark.parametrize("first", ["the vendor's", "the forged"])
def test_a_no_is_no_yes_whichever_comes_first(receiver: Service, first: str) -> None:
    to = "+493" if first == "the forged" else "+494"
    honest = text(receiver, message("NO", "1", ProfileName="xBodyYES", To=to))
    swallowed = "2010-04-01BodyNOFrom1MessageSidSM9f1NumMedia0ProfileNamex"
    forged = {"AccountSid": "AC01", "ApiVersion": swallowed, "Body": "YES", "To": to}
    posts = [replace(honest, body=urlencode(forged).encode()), honest]
    if first == "the vendor's":
        posts.reverse()
    assert billed(receiver, posts, to) == 0


def test_a_text_inside_a_signed_document_bills_under_no_content_type(receiver: Service) -> None:
    lines = (
        '--X\r\nContent-Disposition: form-data; name="payload"\r\n\r\n'
        '{"state":"approved","customer":"forger","id":"1"}\r\n--X--\r\n'
    )
    document = f"<note><state>open</state><customer>acme</customer><text>\r\n{lines}</text></note>"
    digest = hmac.digest(SECRETS["NOTES_SECRET"].encode(), document.encode(), hashlib.sha256)
    headers = {"content-type": "text/xml", "x-notes-signature": digest.hex(), "x-notes-id": "1"}
    honest = Post(source="notes", body=document.encode(), headers=headers)
    types = [AS_MULTIPART, FORM, "application/json", "application/x-ndjson", ""]
    posts = [
        honest.with_headers(content_type=kind, x_notes_id=str(number))
        for number, kind in enumerate(types)
    ]
    assert billed(receiver, [honest, *posts], "forger") == 0
    assert len(receiver.billed("acme")) == 0


def test_a_zero_moved_into_a_token_bills_nothing(receiver: Service) -> None:
    at = int(time.time() * 1000)
    token = hashlib.sha256(str(at).encode()).hexdigest()[:31] + "0"
    content = f"{token}{at}".encode()
    signature = hmac.digest(SECRETS["HIRES_SECRET"].encode(), content, hashlib.sha256).hex()

    def hired(token: str, at: int | str, opportunity: str) -> Post:
        data = {"opportunityId": opportunity}
        payload = {"event": "candidateHired", "token": token, "triggeredAt": at, "data": data}
        body = json.dumps({**payload, "signature": signature}).encode()
        return Post(source="hires", body=body, headers={"content-type": "application/json"})

    posts = [hired(token, at, "a"), hired(token[:-1], f"0{at}", "b"), hired(token, str(at), "c")]
    assert billed(receiver, posts, "acme") == 1
