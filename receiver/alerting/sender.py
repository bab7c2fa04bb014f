"""Posting alerts to one address.

Owns that neither the address nor the secret appears anywhere. Refuses to follow redirects: an
alert goes where the operator said.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

import httpx

from jobs.alerts.alert import Alert
from jobs.alerts.dispatcher import NotPosted
from receiver.alerting import json, slack
from receiver.config.settings import Settings

TIMEOUT_SECONDS = 10.0

Format = Literal["slack", "json"]


def sender_of(settings: Settings) -> AlertSender | None:
    """What posts alerts under these settings; None where alerts are off."""
    if settings.alert_url is None:
        return None
    return AlertSender(
        settings.alert_url,
        format_=format_of(settings.alert_url, settings.alert_format),
        secret=settings.alert_secret,
    )


def format_of(url: str, wanted: Literal["auto", "slack", "json"]) -> Format:
    """The wanted format; `auto` knows Slack by its host."""
    if wanted != "auto":
        return wanted
    return "slack" if urlsplit(url).hostname == slack.HOST else "json"


class AlertSender:
    """Posts alerts to one address in one format. `clock` gives seconds since 1970."""

    def __init__(
        self,
        url: str,
        *,
        format_: Format,
        secret: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self.format = format_
        self._secret = secret
        self._clock = clock

    async def post(self, alert: Alert) -> int:
        """Post it and return the status; raises NotPosted unless it was answered 2xx."""
        body = slack.body_of(alert) if self.format == "slack" else json.body_of(alert)
        try:
            headers = self._headers(alert, body)
            async with (
                httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client,
                client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # By its type: the message of some holds the address.
            raise NotPosted(type(error).__name__) from None
        if not httpx.codes.is_success(status):
            raise NotPosted(f"it was answered {status}")
        return status

    def _headers(self, alert: Alert, body: bytes) -> dict[str, str]:
        headers = {"content-type": "application/json", "user-agent": "receiver"}
        if self._secret is None or self.format == "slack":
            return headers
        return headers | json.signature_headers(
            alert, body, url=self._url, secret=self._secret, headers=headers, now=self._clock()
        )

    def __repr__(self) -> str:
        return f"<AlertSender: {self.format}>"
