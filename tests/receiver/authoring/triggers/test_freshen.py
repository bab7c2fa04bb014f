"""Shipped examples as new events: other keys, the present time, everything else the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

import mappings as shipped
from mappings.engine.loading.load import MappingSet, load, read_directory
from receiver.authoring.triggers.examples import Example, examples_of, named
from receiver.authoring.triggers.freshen import FreshExample, freshen
from receiver.authoring.triggers.values import FreshIds
from receiver.signatures import RULES, scheme_of
from tests.support.texts import FILES

SHIPPED = Path(shipped.__file__).parent
NOW = datetime(2027, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)


def _load(files: Mapping[str, bytes]) -> tuple[MappingSet, list[Example]]:
    found = load(files, timezone="UTC", schemes=RULES)
    assert not found.problems
    return found, list(examples_of(found, files))


def _fresh(example: Example, mappings: MappingSet, ids: FreshIds | None = None) -> FreshExample:
    ids = ids or FreshIds(now=NOW.timestamp(), random=Random(7))
    place = scheme_of(example.source.verify).id_place
    return freshen(example, mappings, ids=ids, now=NOW, id_place=place)


@pytest.mark.parametrize("folder", [SHIPPED, SHIPPED / "library"], ids=["used", "library"])
def test_every_shipped_example_becomes_a_new_outcome_of_now(folder: Path) -> None:
    mappings, examples = _load(read_directory(folder))
    assert len(examples) > 20
    bound = set()
    for example in examples:
        before, fresh = mappings.map(example.delivery()), _fresh(example, mappings)
        said = [(one.rule, one.kind, one.triple) for one in fresh.mapped.outcomes]
        assert said == [(one.rule, one.kind, one.triple) for one in before.outcomes]
        assert [one.reason for one in fresh.mapped.failures] == [
            one.reason for one in before.failures
        ]
        times = [one.occurred_at for one in fresh.mapped.outcomes if one.occurred_at]
        if times:
            assert timedelta() <= NOW - max(times) < timedelta(seconds=1), example.name
        if not fresh.is_new:
            bound.add(example.name)
            assert fresh.kept
    # Some have a customer that is looked up by the very id of the outcome, and say so.
    assert len(bound) < len(examples) / 5


def _one(name: str) -> tuple[MappingSet, Example]:
    mappings, examples = _load(read_directory(SHIPPED))
    found = named(examples, name, mappings)
    assert found is not None
    return mappings, found


def test_only_what_the_rules_read_is_replaced_and_the_rest_stays_byte_for_byte() -> None:
    mappings, example = _one("zendesk-solved")
    fresh = _fresh(example, mappings)
    assert {(one.kind, one.path) for one in fresh.replacements} == {
        ("id", "detail.id"),
        ("time", "time"),
    }
    body = fresh.body.decode()
    for one in fresh.replacements:
        body = body.replace(str(one.new), str(one.old))
    assert body.encode() == example.body


def test_examples_share_their_new_ids_and_what_one_keeps_the_other_keeps() -> None:
    for charge, reversal in (("zendesk-solved", "reopened"), ("hubspot-won", "hubspot-reopened")):
        mappings, examples = _load(read_directory(SHIPPED))
        source = charge.partition("-")[0]
        of_source = [one for one in examples if one.source.name == source]
        ids = FreshIds(now=NOW.timestamp(), random=Random(7))
        keys = []
        for name in (charge, reversal):
            example = named(of_source, name, mappings)
            assert example is not None
            keys += [one.key for one in _fresh(example, mappings, ids).mapped.outcomes]
        assert len(set(keys)) == 1


def test_an_example_goes_by_file_short_name_rule_or_indicator() -> None:
    mappings, examples = _load(read_directory(SHIPPED))
    of_github = [one for one in examples if one.source.name == "github"]
    for name in (
        *("github-approved", "approved", "github-approved.json", "examples/github-approved.json"),
        "pull-request-approved",
    ):
        found = named(of_github, name, mappings)
        assert found is not None
        assert found.name == "github-approved", name
    assert named(of_github, "nothing-like-it", mappings) is None


#: An id that is a number of one digit and stands elsewhere too; a member of the same name in
#: another place; the id of another event in a list; and JSON inside a text.
BODY = """\
{"id": "evt_1", "count": 1, "items": [{"ticket": 1, "info": "{\\"at\\": 1790000000, \\"id\\": 5}"},
 {"ticket": 2, "info": "{\\"at\\": 1790000000, \\"id\\": 5}"}], "other": {"ticket": 1}}"""
MAPPING = """\
source: zendesk
verify: {scheme: zendesk, secrets: [ZENDESK_SECRET]}
events: payload.items
let:
  number: event.ticket
outcomes:
  - name: solved
    when: payload.count == 1 && payload.other.ticket == 1
    agent: support-agent
    customer: acme
    indicator: ticket-resolved
    once_per: ${{ id(number) }}
    occurred_at: ${{ seconds(json(event.info).at) }}
examples:
  - payload: examples/a.json
    outcomes: [{}, {}]
"""


def test_a_value_is_found_by_its_place_and_not_by_its_text_or_name() -> None:
    files = {**FILES, "zendesk.yaml": MAPPING.encode(), "examples/a.json": BODY.encode()}
    mappings, (example,) = _load(files)
    fresh = _fresh(example, mappings)
    assert fresh.is_new
    assert {one.path for one in fresh.replacements} == {"items.ticket", "items.info.at"}
    assert '"id": "evt_1", "count": 1' in fresh.body.decode()
    assert '"other": {"ticket": 1}}' in fresh.body.decode()
    assert fresh.body.count(b'\\"id\\": 5') == 2
    assert len({one.key for one in fresh.mapped.outcomes}) == 2


def test_an_example_that_nothing_is_read_of_is_sent_as_it_is() -> None:
    mappings, example = _one("github-ping")
    fresh = _fresh(example, mappings)
    assert (fresh.body, fresh.replacements) == (example.body, ())
