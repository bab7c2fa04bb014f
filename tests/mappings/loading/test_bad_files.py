"""A bad file affects only itself: a mapping, the catalogue or a table."""

from __future__ import annotations

import pytest

from mappings.engine.loading.load import load
from mappings.engine.reasons import Reason
from tests.mappings.kit import (
    AGENTS,
    COMPANIES,
    MAPPING,
    SOLVED,
    FakeSchemes,
    delivery,
    files_of,
    loaded,
    only_failure,
    only_outcome,
    rule,
)

BROKEN = MAPPING.replace('event.type == "solved"', 'event.type = "solved"')
SECOND = MAPPING.replace("source: desk", "source: chat")


def test_a_bad_file_leaves_the_others_alone() -> None:
    found = loaded(BROKEN, SECOND)
    assert sorted(found.sources) == ["chat"]
    assert found.unusable == {"desk"}
    assert "desk.yaml" not in found.good
    assert only_outcome(found.map(delivery(SOLVED, source="chat"))).customer_id == "acme"


def test_a_bad_file_goes_on_as_it_last_was_good() -> None:
    found = loaded(BROKEN, last_good={"desk.yaml": MAPPING.encode()})
    assert [problem.file for problem in found.problems] == ["desk.yaml"]
    assert found.stale == {"desk.yaml"}
    assert found.unusable == frozenset()
    assert "desk.yaml" not in found.good
    assert only_outcome(found.map(delivery(SOLVED))).customer_id == "acme"
    assert found.sources["desk"].mapping_version in found.versions


def test_a_last_good_text_is_not_held_against_prices_or_examples_of_today() -> None:
    before = MAPPING + "examples: [{payload: examples/gone.json, outcomes: []}]\n"
    dear = AGENTS.replace("solved:", "resolved:")
    files = files_of(BROKEN) | {"agents.yaml": dear.encode()}
    found = load(
        files,
        timezone="UTC",
        schemes=FakeSchemes(),
        last_good={"desk.yaml": before.encode()},
    )
    assert found.stale == {"desk.yaml"}
    assert only_failure(found.map(delivery(SOLVED))).reason is Reason.UNPRICED


def test_a_last_good_text_that_compiles_no_more_is_not_served() -> None:
    found = loaded(BROKEN, last_good={"desk.yaml": BROKEN.encode()})
    assert found.unusable == {"desk"}
    assert found.stale == frozenset()


@pytest.mark.parametrize(
    ("text", "unusable"),
    [
        (BROKEN, {"desk"}),
        (BROKEN.replace("source: desk", "source: helpdesk"), {"helpdesk", "desk"}),
        ("source: [", {"desk"}),
        ("sources: [{name: a}, {name: b}]", {"a", "b", "desk"}),
        ("- 1", {"desk"}),
        ("", {"desk"}),
        ("\x00", {"desk"}),
    ],
    ids=["rule", "other name", "syntax", "sources", "list", "empty", "binary"],
)
def test_an_unusable_file_names_the_sources_it_was_for_and_its_own_name(
    text: str, unusable: set[str]
) -> None:
    found = loaded(text)
    assert found.problems != ()
    assert found.unusable == unusable


def test_a_source_served_from_last_good_is_not_unusable_under_a_new_name_it_lost() -> None:
    edited = BROKEN.replace("source: desk", "source: helpdesk")
    found = loaded(edited, last_good={"desk.yaml": MAPPING.encode()})
    assert sorted(found.sources) == ["desk"]
    assert found.unusable == {"helpdesk"}


def test_two_files_for_one_source_are_an_error_in_each() -> None:
    found = loaded(MAPPING, MAPPING)
    assert [(p.file, p.line, p.column) for p in found.problems] == [
        ("desk.yaml", 1, 9),
        ("desk2.yaml", 1, 9),
    ]
    assert "as well" in found.problems[0].message
    assert found.unusable == {"desk", "desk2"}


def test_of_two_files_for_one_source_the_one_that_had_it_keeps_it() -> None:
    found = loaded(MAPPING, MAPPING + "# copy\n", last_good={"desk.yaml": MAPPING.encode()})
    assert found.sources["desk"].file == "desk.yaml"
    assert found.stale == {"desk.yaml"}
    assert found.unusable == {"desk2"}


def test_a_file_that_takes_another_ones_source_goes_on_with_its_own() -> None:
    last_good = {"desk.yaml": MAPPING.encode(), "desk2.yaml": SECOND.encode()}
    found = loaded(MAPPING, MAPPING + "# edit\n", last_good=last_good)
    assert {name: source.file for name, source in found.sources.items()} == {
        "desk": "desk.yaml",
        "chat": "desk2.yaml",
    }


def test_a_source_that_moved_to_a_good_file_is_not_served_from_the_bad_one() -> None:
    found = loaded(
        BROKEN.replace("source: desk", "source: x"),
        MAPPING,
        last_good={"desk.yaml": MAPPING.encode()},
    )
    assert found.sources["desk"].file == "desk2.yaml"
    assert "desk.yaml" not in found.stale


def test_rules_that_share_a_scope_are_held_to_one_way_of_timing_over_files() -> None:
    timed = rule(scope="deals", occurred_at="${{ event.at }}")
    untimed = rule(scope="deals").replace("source: desk", "source: chat")
    (problem,) = loaded(timed, untimed).problems
    assert (problem.file, problem.line) == ("desk2.yaml", 4)


def test_without_a_catalogue_nothing_can_be_billed() -> None:
    files = files_of(MAPPING)
    del files["agents.yaml"]
    found = load(files, timezone="UTC", schemes=FakeSchemes())
    assert [p.file for p in found.problems] == ["agents.yaml"]
    assert only_failure(found.map(delivery(SOLVED))).reason is Reason.UNPRICED


def test_a_bad_catalogue_goes_on_as_it_last_was_good() -> None:
    files = files_of(MAPPING) | {"agents.yaml": b"agents: 5"}
    found = load(
        files,
        timezone="UTC",
        schemes=FakeSchemes(),
        last_good={"agents.yaml": AGENTS.encode()},
    )
    assert found.stale == {"agents.yaml"}
    assert {problem.file for problem in found.problems} == {"agents.yaml"}
    outcome = only_outcome(found.map(delivery(SOLVED)))
    assert outcome.amount_micros == 800_000
    assert found.versions[outcome.price_version or ""].text == AGENTS


def test_a_bad_catalogue_does_not_make_mappings_bad() -> None:
    files = files_of(rule(agent="robot")) | {"agents.yaml": b"agents: 5"}
    found = load(files, timezone="UTC", schemes=FakeSchemes())
    assert {problem.file for problem in found.problems} == {"agents.yaml"}
    failure = only_failure(found.map(delivery({"id": 1})))
    assert failure.reason is Reason.UNPRICED
    assert "agents.yaml" in failure.detail


def test_a_bad_table_goes_on_as_it_last_was_good() -> None:
    files = files_of(MAPPING) | {"tables/companies.yaml": b'"1": 5'}
    last_good = {"tables/companies.yaml": COMPANIES.encode()}
    found = load(files, timezone="UTC", schemes=FakeSchemes(), last_good=last_good)
    assert found.stale == {"tables/companies.yaml"}
    assert only_outcome(found.map(delivery(SOLVED))).customer_id == "acme"


def test_looking_up_in_a_bad_table_waits_for_the_table() -> None:
    files = files_of(MAPPING) | {"tables/companies.yaml": b'"1": 5'}
    found = load(files, timezone="UTC", schemes=FakeSchemes())
    assert {problem.file for problem in found.problems} == {"tables/companies.yaml"}
    failure = only_failure(found.map(delivery(SOLVED)))
    assert failure.reason is Reason.UNMAPPED
    assert "tables/companies.yaml" in failure.detail


def test_a_mapping_whose_table_vanished_still_takes_deliveries() -> None:
    files = files_of(MAPPING)
    del files["tables/companies.yaml"]
    last_good = {"desk.yaml": MAPPING.encode()}
    found = load(files, timezone="UTC", schemes=FakeSchemes(), last_good=last_good)
    assert [problem.file for problem in found.problems] == ["desk.yaml"]
    assert found.stale == {"desk.yaml"}
    assert only_failure(found.map(delivery(SOLVED))).reason is Reason.UNMAPPED


def test_two_files_for_one_table_are_an_error() -> None:
    found = loaded(MAPPING, tables__companies_csv="key,value\n1,acme\n")
    assert [problem.file for problem in found.problems] == ["tables/companies.yaml"]


@pytest.mark.parametrize("name", ["desk.yml", "tables/people.yml"])
def test_yml_files_are_told_to_be_renamed(name: str) -> None:
    files = files_of() | {name: MAPPING.encode()}
    (problem,) = load(files, timezone="UTC", schemes=FakeSchemes()).problems
    assert problem.file == name
    assert ".yaml" in problem.remedy
