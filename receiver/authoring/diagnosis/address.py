"""Whether a captured request was sent to its source's URL; one that was not never reaches it.

Pure. States where it was sent in fixed words: a part of its path may be a secret.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from mappings.engine.common.suggest import nearest
from receiver.authoring.diagnosis.captured import Captured
from receiver.authoring.diagnosis.finding import Diagnosis, Finding
from receiver.sources.webhook_paths import is_path_of, wrong_path


def judged_by_address(
    found: Diagnosis,
    request: Captured,
    *,
    source: str,
    others: Iterable[str],
    takes_path: bool,
    url: str,
    has_public_url: bool,
) -> Diagnosis:
    """The diagnosis, refused where the path is another one than that of `url`, the source's.

    Another host is named and refuses nothing: behind a proxy the service is called by its own.
    """
    right = urlsplit(url)
    host = _host(request)
    if has_public_url and host and host != right.hostname and not _is_inside(host):
        summary = f"it was sent to the host {host}, and this source's is {right.hostname}"
        wrong_host = Finding(
            "url", summary, f"let the vendor call {url}, or set RECEIVER_PUBLIC_URL"
        )
        found = replace(found, findings=(*found.findings, wrong_host))
    path = unquote(urlsplit(request.url).path)
    prefix = right.path.removesuffix(f"/webhooks/{source}")
    bare = path.removeprefix(prefix) if prefix else path
    if not request.url or any(
        is_path_of(one, source, takes_path=takes_path) for one in (path, bare)
    ):
        return found
    names = frozenset({source, *others})
    wrong = wrong_path(bare, names, lambda part: nearest(part, names))
    summary = f"it was sent to {wrong.shown}, which is not this source's path"
    if wrong.mistake != "more-path" or wrong.nearest == source:
        summary += f": {wrong.detail.rstrip('.')}"
    if bare.removesuffix("/").removeprefix("/webhooks/") in names - {source}:
        summary = f"it was sent to the URL of another source: {wrong.shown}"
    finding = Finding("url", summary, f"let the vendor call {url}")
    if found.verified:
        return replace(
            found,
            verified=False,
            cause=wrong.cause,
            detail=summary,
            findings=(finding, *found.findings),
        )
    return replace(found, findings=(finding, *found.findings))


def _host(request: Captured) -> str | None:
    """The host that was called, without its port."""
    try:
        called = urlsplit(request.url).hostname
        return called or urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        return None


def _is_inside(host: str) -> bool:
    """Whether a proxy may call the service by this host."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host
