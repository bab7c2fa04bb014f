"""`send`: post a file as its vendor would, signed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from mappings.engine.loading.load import Source
from receiver.cli.common.errors import MISUSE, Trouble
from receiver.cli.common.payloads import Payload, payload_of
from receiver.cli.common.session import Session
from receiver.cli.common.settlement import what_became
from receiver.local.place import local_url
from receiver.signatures import Request, SchemeInvalid, SignatureError, scheme_of, signed_request
from receiver.sources.listing import source_url
from receiver.sources.secret_problems import usable_secrets
from receiver.terminal.output import Output

TIMEOUT_SECONDS = 30.0
SHOWN_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was posted, where to, and the answer."""

    url: str
    request: Request
    response: httpx.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def is_success(self) -> bool:
        return self.response.is_success

    @property
    def text(self) -> str:
        return self.response.text[:SHOWN_CHARACTERS]

    @property
    def content(self) -> Any:
        """The answer's JSON, or its text."""
        return _content(self.response)

    def again(self) -> Answered:
        """The same request, byte for byte, and the answer to it."""
        response = _post(self.url, self.request.headers, self.request.body)
        return Answered(self.url, self.request, response)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """How to send, as said on the command line."""

    url: str | None
    headers: tuple[str, ...]
    delivery_id: str | None
    tamper: bool
    as_json: bool


def send(source_name: str, file: str, posting: Posting) -> None:
    """Post and print the answer; Trouble on anything but a 2xx."""
    session, out = Session(), Output(as_json=posting.as_json)
    source = session.source(source_name)
    payload = payload_of(session.settings.mappings, source, file).with_headers(posting.headers)
    answer = post_as_vendor(session, source, payload, posting)
    if posting.as_json:
        out.json({"status": answer.status, "answer": answer.content})
    else:
        out.line(f"{answer.status} {answer.response.reason_phrase}")
        out.line(answer.text)
        say_what_became(session, out, answer)
    if not answer.is_success:
        is_refused_rightly = posting.tamper and answer.status == HTTPStatus.UNAUTHORIZED
        why = ", as it should: the body was changed after it was signed"
        raise Trouble(f"{answer.url} answered {answer.status}{why if is_refused_rightly else ''}")


def say_what_became(session: Session, out: Output, answer: Answered) -> None:
    """Print what the delivery billed; nothing where it is not in this installation's database."""
    content = answer.content
    delivery = content.get("delivery") if isinstance(content, dict) else None
    if answer.is_success and isinstance(delivery, str):
        became = what_became(session, delivery)
        if became is not None:
            out.line(became)


def post_as_vendor(
    session: Session, source: Source, payload: Payload, posting: Posting
) -> Answered:
    """Post the payload, signed, to where the service listens or `posting` says."""
    url = posting.url or f"{local_url(session.settings)}/webhooks/{source.name}"
    signed_url = posting.url or source_url(session.settings, source.name)
    request = _as_the_vendor(session, source, payload, signed_url, posting)
    body = _tampered(request.body) if posting.tamper else request.body
    # Some vendors sign in the URL: what they add there goes to wherever this is posted.
    target = url + request.url.removeprefix(signed_url)
    return Answered(target, replace(request, body=body), _post(target, request.headers, body))


def _as_the_vendor(
    session: Session, source: Source, payload: Payload, url: str, posting: Posting
) -> Request:
    """The request that the vendor would send."""
    names = usable_secrets(source, datetime.now(UTC))
    secret = next(filter(None, map(session.secrets.get, names)), None)
    if secret is None:
        wanted = " or ".join(names or source.secrets)
        raise Trouble(
            f"source {source.name} has no secret to sign with; set {wanted}, or"
            " start `receiver up` again: it makes a throw-away one"
        )
    try:
        return signed_request(
            scheme_of(source.verify),
            secret=secret,
            method="POST",
            url=url,
            headers=payload.headers,
            body=payload.body,
            now=time.time(),
            delivery_id=posting.delivery_id or payload.delivery_id,
        )
    except (SignatureError, SchemeInvalid) as error:
        raise Trouble(f"it cannot be signed as {source.verify['scheme']}: {error}") from error


def _tampered(body: bytes) -> bytes:
    """Another body of the same length, so that nothing but the signature can tell."""
    return body[:-1] + bytes([body[-1] ^ 1]) if body else b"x"


def _post(url: str, headers: Mapping[str, str], body: bytes) -> httpx.Response:
    if urlsplit(url).scheme not in ("http", "https"):
        raise Trouble(f"--url is {url!r}; write http://HOST/PATH", code=MISUSE)
    try:
        # No proxy from the environment: what is sent to this machine should arrive on it.
        with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
            return client.post(url, content=body, headers=headers)
    except httpx.InvalidURL as error:
        raise Trouble(f"--url is {url!r}: {error}", code=MISUSE) from error
    except httpx.ConnectError as error:
        message = f"nothing answers at {url}; is `receiver up` or `receiver serve` running?"
        raise Trouble(message) from error
    except httpx.HTTPError as error:
        raise Trouble(f"{url}: {str(error) or type(error).__name__}") from error


def _content(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text
