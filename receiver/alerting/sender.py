"""Posting notices: to Slack or whatever takes its shape, or as plain JSON, signed.

Owns the shapes and that neither the address nor the secret is told anywhere. Refuses to follow
redirects: a notice goes where the operator said.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

import httpx

from jobs.alerts.dispatcher import NotPosted, Post
from jobs.alerts.repository import Notice
from receiver.config.settings import Settings
from receiver.signatures import sign

TIMEOUT_SECONDS = 10.0
#: The host at which Slack takes incoming webhooks.
SLACK_HOST = "hooks.slack.com"
SCHEME = "standard-webhooks"
#: https://docs.slack.dev/messaging/formatting-message-text (2026-08): these three, as entities.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

Format = Literal["slack", "json"]


def post_of(settings: Settings) -> Post | None:
    """How notices are posted under these settings; None where nobody is to be told."""
    notifier = notifier_of(settings)
    return None if notifier is None else notifier.post


def notifier_of(settings: Settings) -> Notifier | None:
    """What posts notices under these settings; None where alerts are off."""
    if settings.alert_url is None:
        return None
    return Notifier(
        settings.alert_url,
        format_=format_of(settings.alert_url, settings.alert_format),
        secret=settings.alert_secret,
    )


def format_of(url: str, wanted: Literal["auto", "slack", "json"]) -> Format:
    """The shape that is wanted; `auto` knows Slack by its host."""
    if wanted != "auto":
        return wanted
    return "slack" if urlsplit(url).hostname == SLACK_HOST else "json"


class Notifier:
    """Posts notices to one address. `clock` gives seconds since 1970."""

    def __init__(
        self,
        url: str,
        *,
        format_: Format,
        secret: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self._format = format_
        self._secret = secret
        self._clock = clock

    @property
    def format(self) -> Format:
        """The shape in which it posts."""
        return self._format

    async def post(self, notice: Notice) -> int:
        """Post one and return the status; raises NotPosted unless it was answered 2xx."""
        body = body_of(notice, self._format)
        try:
            headers = self._headers(notice, body)
            async with (
                httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client,
                client.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # By its type: the message of some holds the address.
            raise NotPosted(type(error).__name__) from None
        if not httpx.codes.is_success(status):
            raise NotPosted(f"it was answered {status}")
        return status

    def _headers(self, notice: Notice, body: bytes) -> dict[str, str]:
        headers = {"content-type": "application/json", "user-agent": "receiver"}
        if self._secret is None or self._format == "slack":
            return headers
        return headers | sign(
            SCHEME,
            secret=self._secret,
            method="POST",
            url=self._url,
            headers=headers,
            body=body,
            now=self._clock(),
            delivery_id=notice.id,
        )

    def __repr__(self) -> str:
        return f"<Notifier: {self._format}>"


def body_of(notice: Notice, format_: Format) -> bytes:
    """The notice as bytes."""
    if format_ == "slack":
        told: dict[str, object] = {"text": notice.text.translate(_ESCAPES)}
    else:
        told = {
            "id": notice.id,
            "kind": notice.kind,
            "state": "ended" if notice.has_ended else "open",
            "opened_at": f"{notice.opened_at:%Y-%m-%dT%H:%M:%SZ}",
            "text": notice.text,
            "run": [] if notice.has_ended else notice.detail["run"],
            "facts": notice.detail["facts"],
        }
    return json.dumps(told, ensure_ascii=False).encode()
