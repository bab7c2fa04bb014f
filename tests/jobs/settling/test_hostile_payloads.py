"""A payload that would blow up its expressions fails alone; what was claimed with it settles."""

from __future__ import annotations

import json

import pytest

from jobs.replays.items import note_results
from jobs.settling.settle import Settler
from mappings.engine.loading.load import load
from receiver.signatures import RULES
from tests.jobs.workshop import Workshop
from tests.mappings.kit import files_of
from tests.support.memory import MIB, needs_proc, peak_bytes, resident_bytes

MAPPING = """\
source: crm
verify: {scheme: github, secrets: [CRM_SECRET]}
outcomes:
  - name: solved
    when: '"agent" in event.tags.split(",").map(tag, tag.trim())'
    agent: bot
    customer: acme
    indicator: solved
    once_per: ${{ id(event.id) }}
"""


@needs_proc
@pytest.mark.parametrize("tags", ["a," * 5_000, "a," * 500_000], ids=["10 KB", "1 MB"])
async def test_its_delivery_fails_as_mapping_and_its_neighbours_are_recorded(
    workshop: Workshop, tags: str
) -> None:
    mappings = load(files_of(MAPPING), timezone="UTC", schemes=RULES)
    assert [str(problem) for problem in mappings.problems] == []
    settler = Settler(workshop.database, lambda: mappings, note_results=note_results)
    await settler.start()
    texts = ["agent", tags, "x, agent"]
    ids = await workshop.post(
        *(json.dumps({"id": n, "tags": text}).encode() for n, text in enumerate(texts))
    )
    before = max(resident_bytes(), peak_bytes())
    await settler.settle(ids)
    await settler.close()
    states = [(await workshop.delivery(one)).state for one in ids]
    assert states == ["recorded", "failed", "recorded"]
    failed = await workshop.delivery(ids[1])
    assert (failed.reason, failed.rule, failed.attempts) == ("mapping", "solved", 1)
    assert 'in `"agent" in event.tags.split(",").map(tag, tag.trim())`' in failed.detail
    assert peak_bytes() - before < 64 * MIB
