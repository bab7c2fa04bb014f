"""Requests that reach the service and no source: listed, grouped, and without what they hold."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.filters import RejectionFilter
from jobs.intake.rejections import Rejected
from jobs.queries.sources.rejections import list_rejections
from jobs.storage.schema import rejections
from mappings.engine.common.suggest import nearest
from receiver.app import WebProcess
from receiver.config.settings import Settings
from receiver.health.metrics import Metrics
from receiver.signatures import PRESETS, scheme_of
from receiver.sources.registry import ClosedSource, ReadySource
from receiver.sources.secrets import secrets_of
from receiver.sources.webhook_paths import MISTAKES, is_path_of, wrong_path
from receiver.web.misrouted import COMPARED_PER_SECOND, Misrouted
from receiver.web.rejections import Rejections
from tests.receiver.web.test_app import running, settings

__all__ = ["settings"]
NAMES = frozenset({"zendesk", "github"})
HIDDEN = "s3cret-token-of-a-path"


@pytest.mark.parametrize(
    ("path", "mistake", "meant", "shown"),
    [
        ("/", "no-path", None, "/"),
        ("", "no-path", None, "/"),
        ("/webhooks", "no-name", None, "/webhooks"),
        ("/webhooks/", "no-name", None, "/webhooks/"),
        ("/webhooks/zendsk", "unknown-name", "zendesk", "/webhooks/zendsk"),
        (f"/webhooks/{HIDDEN}", "unknown-name", None, "/webhooks/…"),
        ("/webhooks//zendesk", "two-slashes", "zendesk", "/webhooks//zendesk"),
        ("//webhooks/zendesk", "two-slashes", "zendesk", "//webhooks/zendesk"),
        ("/webhooks/zendesk//", "two-slashes", "zendesk", "/webhooks/zendesk//"),
        (f"/webhooks/zendesk/{HIDDEN}", "more-path", "zendesk", "/webhooks/zendesk/…"),
        ("/webhook/zendesk", "other-word", "zendesk", "/webhook/zendesk"),
        ("/Webhooks/Zendesk", "other-word", "zendesk", "/Webhooks/Zendesk"),
        ("/hooks/x", "other-word", None, "/hooks/…"),
        ("/api/webhooks/github", "prefix", "github", "/api/webhooks/github"),
        ("/acme/webhooks/github", "prefix", "github", "/…/webhooks/github"),
        ("/github", "no-webhooks", "github", "/github"),
        (f"/wp-login.php/{HIDDEN}", "other", None, "/…/…"),
        ("/a/b/c/d/e/f/g/h", "other", None, "/…/…/…/…/…/…/…"),
    ],
)
def test_a_path_has_its_mistake_the_source_that_was_meant_and_no_word_of_a_sender(
    path: str, mistake: str, meant: str | None, shown: str
) -> None:
    found = wrong_path(path, NAMES, lambda part: nearest(part, NAMES))
    assert (found.mistake, found.nearest, found.shown) == (mistake, meant, shown)


def test_what_is_shown_of_a_path_fits_the_column_whatever_the_names_are() -> None:
    name = "n" * 64
    found = wrong_path(f"/webhooks{f'/{name}' * 5}", {name}, lambda part: nearest(part, [name]))
    assert len(found.shown) == getattr(rejections.c.path.type, "length", None)
    assert found.nearest == name


def test_one_slash_at_the_end_is_taken() -> None:
    for path in ("/webhooks/zendesk", "/webhooks/zendesk/"):
        assert is_path_of(path, "zendesk", takes_path=False)
    for path in ("/webhooks/zendesk//", "/webhooks/zendesk/x", "/webhook/zendesk"):
        assert not is_path_of(path, "zendesk", takes_path=False)
    assert is_path_of("/webhooks/zendesk/x", "zendesk", takes_path=True)


def scope(path: str, method: str = "POST", **headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return {"type": "http", "method": method, "path": path, "headers": pairs, "client": None}


class _Noted:
    """What is noted of requests, and a clock that stands still."""

    def __init__(self) -> None:
        self.all: list[Rejected] = []
        known = {name: ReadySource(name=name, scheme=PRESETS["github"]) for name in NAMES}
        known["hooked"] = ReadySource(name="hooked", scheme=scheme_of({"scheme": "path-token"}))
        self.misrouted = Misrouted(
            sources=lambda: known,
            base="https://hooks.example.com",
            on_rejection=self.all.append,
            clock=lambda: 0.0,
        )

    def note(self, *args: Any, **headers: str) -> Rejected | None:
        self.all.clear()
        self.misrouted.note(scope(*args, **headers))
        return self.all[0] if self.all else None


def test_what_looks_like_a_webhook_is_noted_and_a_scanner_is_not() -> None:
    noted = _Noted()
    for path in ("/webhook/x", "/github", "/", "/api/webhooks/github"):
        assert noted.note(path), path
        assert noted.note(path, "GET") is None
    assert noted.note("/wp-login.php", content_type="application/json") is None
    for header in ("x_hub_signature_256", "x_acme_hmac", "webhook_id", "x_gitlab_event"):
        assert noted.note("/in", **{header: "x"}), header


def test_the_remedy_is_the_url_of_the_source_that_was_meant() -> None:
    noted = _Noted()
    one = noted.note(f"/webhook/github/{HIDDEN}", x_hub_signature_256="sha256=00")
    assert one is not None
    assert (one.source, one.cause, one.nearest_source) == ("unknown", "unknown-path", "github")
    assert one.remediation == "let the vendor call https://hooks.example.com/webhooks/github"
    assert HIDDEN not in repr(one)
    hooked = noted.note(f"/hook/hooked/{HIDDEN}")
    assert hooked is not None
    assert hooked.remediation is not None
    assert hooked.remediation.endswith("/webhooks/hooked/<secret>")


async def test_a_million_paths_are_a_few_groups_and_hide_no_other() -> None:
    kept: dict[str | None, int] = {}
    noted = _Noted()
    book = Rejections(Metrics(), lambda one: kept.update({one.group: kept.get(one.group, 0) + 1}))
    noted.misrouted = Misrouted(
        sources=lambda: dict.fromkeys(NAMES, ClosedSource("github")),
        base="",
        on_rejection=book,
        clock=lambda: 0.0,
    )
    words = ("webhooks", "webhook", "api", "v1", "hook", "", "zendesk", "x")
    for number in range(2000):
        parts = [words[number // 8**power % 8] for power in range(4)]
        noted.misrouted.note(scope(f"/{'/'.join(parts)}/{number}"))
    noted.misrouted.note(scope("/webhook/github"))
    assert kept["unknown-path/other-word/github"] == 1
    assert len(kept) <= len(MISTAKES) * (len(NAMES) + 1)
    assert sum(kept.values()) > 1500


def test_names_are_compared_so_often_and_no_more() -> None:
    noted = _Noted()
    meant = [noted.note("/webhook/gitub") for _ in range(COMPARED_PER_SECOND + 1)]
    assert [one.nearest_source for one in meant if one][-2:] == ["github", None]
    exact = noted.note("/webhook/github")  # costs nothing
    assert exact is not None
    assert exact.nearest_source == "github"


async def test_the_web_process_lists_what_reached_no_source(settings: Settings) -> None:
    async with running(settings) as client:
        for path in (
            *("/webhook/github", "/webhooks//github", "/webhooks/gitub", "/"),
            *(f"/api/webhooks/github?token={HIDDEN}", f"/webhooks/github/{HIDDEN}"),
        ):
            answer = await client.post(path, content=b"{}")
            assert answer.status_code == (401 if path.startswith("/api") else 404), path
        assert (await client.post("/livez", headers={"webhook-id": "1"})).status_code == 405
        assert (await client.post("/webhooks/github/", content=b"{}")).status_code == 401
        exposed = (await client.get("/metrics")).text
    assert 'receiver_rejections_total{cause="unknown-path",source="unknown"} 5.0' in exposed
    assert 'receiver_rejections_total{cause="unknown-source",source="unknown"} 2.0' in exposed
    assert HIDDEN not in exposed


async def test_they_are_in_the_list_of_the_source_that_was_meant(settings: Settings) -> None:
    process = WebProcess(settings, secrets=secrets_of(settings))
    async with process.running():
        for number in range(3):
            process.misrouted.note(scope(f"/webhook/github/{HIDDEN}{number}"))
        await process.rejections.flush()
        process.misrouted.note(scope("/webhook/github"))
        process.misrouted.note(scope("/"))
        await process.rejections.flush()
        found = await list_rejections(process.database, RejectionFilter(source="github"))
        every = await list_rejections(process.database, RejectionFilter())
    [item] = found.items
    assert (item.count, item.path, item.nearest_source) == (4, "/webhook/github", "github")
    assert item.remediation is not None
    assert item.remediation.endswith("/webhooks/github")
    assert {one.path for one in every.items} == {"/webhook/github", "/"}
    assert HIDDEN not in str(every)
