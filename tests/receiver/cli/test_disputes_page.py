"""docs/disputes.md, walked as it stands: from a ticket's number to its signed bytes and back."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from jobs.replays.items import note_results
from jobs.settling.settle import Settler
from mappings.engine.loading.load import load, read_directory
from receiver.signatures import RULES
from tests.jobs.doubles import incoming
from tests.jobs.workshop import Workshop
from tests.receiver.cli.conftest import Installation
from tests.support.markdown import ROOT, Page

PAGE = Page(ROOT / "docs" / "disputes.md")
TEN_MINUTES = Page(ROOT / "docs" / "mappings.md")
#: Before the clock of any machine that runs this, and not too long ago to be billed.
SOLVED = datetime.now(UTC) - timedelta(days=1)
BODY = json.dumps(
    {
        "type": "ticket.solved",
        "at": SOLVED.isoformat(),
        "ticket": {"id": 4711, "organization": 8001, "solved_by": "ai-agent"},
    }
).encode()


@pytest.fixture
def billed(installed: Installation) -> Installation:
    """The desk of the ten minutes, which has billed ticket 4711 and heard of it twice."""
    for old in installed.mappings.iterdir():
        old.unlink()
    for fence in TEN_MINUTES.fences("yaml")[:3]:
        name = re.match(r"# (\S+\.yaml)\n", fence.text)
        assert name is not None
        path = installed.mappings / name[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(fence.text)
    example = installed.mappings / "examples" / "desk-solved.json"
    example.parent.mkdir()
    example.write_text(TEN_MINUTES.fences("json")[0].text)
    asyncio.run(bill(installed))
    return installed


async def bill(installed: Installation) -> None:
    mappings = load(read_directory(installed.mappings), timezone="UTC", schemes=RULES)
    assert [str(problem) for problem in mappings.problems] == []
    async with Workshop(installed.url) as workshop:
        settler = Settler(workshop.new_database(), lambda: mappings, note_results=note_results)
        await settler.start()
        for vendor_id in ("msg_1", "msg_2"):
            posted = incoming(BODY, vendor_id=vendor_id, source="desk")
            posted.headers["webhook-signature"] = f"v1,of-{vendor_id}"
            await settler.settle(await workshop.accept([posted]))
        await settler.close()


def commands() -> Iterator[str]:
    """The commands of the walk, in their order."""
    text = PAGE.text.partition("\n## Exceptions")[0]
    for fence in PAGE.fences("sh"):
        if fence.text in text:
            yield from fence.text.splitlines()


def test_the_walk_of_one_disputed_ticket_works_as_it_stands(billed: Installation) -> None:
    key = billed.run("show", "4711", "--json").json
    event = billed.run("show", key["open_charge"], "--json").json
    names = {
        "BILLING_EVENT": event["id"],
        "DELIVERY": event["delivery_id"],
        "MAPPING_VERSION": event["mapping_version"],
        "PRICE_VERSION": event["price_version"],
    }
    said = []
    for line in commands():
        if "REVERSAL" in line:
            lines = billed.run("events", "--kind", "reversal", "--json").json
            names["REVERSAL"] = lines[0]["id"]
        words = [names.get(word, word) for word in shlex.split(line)]
        assert words[0] == "receiver"
        ran = billed.run(*words[1:])
        assert ran.code == 0, (line, ran)
        said.append((line, ran.out))
    shown = iter(said)

    def out_of(start: str) -> str:
        line, out = next(shown)
        assert line.startswith(start)
        return out

    history = out_of("receiver show 4711")
    for part in ('["desk","ticket-resolved","4711"]', "charged", "duplicate", "0.99 USD"):
        assert part in history
    assert f"billing event {names['BILLING_EVENT']} stands" in history
    money = out_of("receiver show BILLING_EVENT")
    for name in ("DELIVERY", "MAPPING_VERSION", "PRICE_VERSION"):
        assert names[name] in money
    evidence = out_of("receiver show DELIVERY")
    for part in (BODY.decode(), hashlib.sha256(BODY).hexdigest(), "v1,of-msg_1", "msg_1"):
        assert part in evidence
    assert "once_per: ${{ id(ticket.id) }}" in out_of("receiver show MAPPING_VERSION")
    assert 'ticket-resolved: {price: "0.99", currency: USD}' in out_of("receiver show PRICE")
    assert "-0.99 USD" in out_of("receiver reverse BILLING_EVENT")
    assert "nothing is owed" in out_of("receiver show 4711")
    out_of("receiver reinstate REVERSAL")
    assert "stands" in out_of("receiver show 4711")
    acted = out_of("receiver actions")
    for part in ("reverse", "reinstate", "customer disputes ticket 4711", "it was ours after all"):
        assert part in acted
    assert next(shown, None) is None
