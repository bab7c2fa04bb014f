"""Loading: which file is what, what a bad one costs, and what versions say."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest

from mappings.engine.loading.load import load, read_directory
from mappings.engine.tooling.trace import trace
from mappings.engine.types import Kind, Reason
from tests.mappings.kit import (
    AGENTS,
    AT,
    COMPANIES,
    MAPPING,
    FakeSchemes,
    delivery,
    files_of,
    good,
    loaded,
    only_failure,
    only_outcome,
    rule,
)

SOLVED = {"type": "solved", "company": 1, "id": 7, "at": AT}
BROKEN = MAPPING.replace('event.type == "solved"', 'event.type = "solved"')
SECOND = MAPPING.replace("source: desk", "source: chat")


def test_a_good_set_has_its_sources_and_no_problems() -> None:
    found = good(MAPPING, SECOND)
    assert sorted(found.sources) == ["chat", "desk"]
    assert found.unusable == frozenset()
    assert found.stale == frozenset()
    assert set(found.good) == {"agents.yaml", "desk.yaml", "desk2.yaml", "tables/companies.yaml"}


def test_an_empty_folder_is_a_good_set_of_nothing() -> None:
    found = load({}, timezone="UTC", schemes=FakeSchemes())
    assert (found.problems, dict(found.sources)) == ((), {})


def test_reserved_files_are_no_mappings() -> None:
    assert sorted(good(forward_yaml="targets: []").sources) == ["desk"]


def test_a_source_says_how_it_is_verified_and_what_its_rules_are_keyed_by() -> None:
    source = good().sources["desk"]
    assert source.mode == "live"
    assert source.file == "desk.yaml"
    assert source.verify == {"scheme": "signing", "secrets": ["DESK_SECRET"]}
    assert source.secrets == ("DESK_SECRET",)
    charge, reversal = source.rules
    assert (charge.name, charge.kind, charge.key_rule) == ("solved", Kind.CHARGE, "solved")
    assert (reversal.kind, reversal.key_rule) == (Kind.REVERSAL, "solved")
    assert reversal.reverses == "solved"
    assert charge.once_per == "${{ id(event.id) }}"


def test_a_renamed_rule_keeps_the_oldest_name_in_its_key() -> None:
    text = rule(name="resolved", was="[solved, done]", scope="shared", rekeyed="true")
    info = good(text).sources["desk"].rules[0]
    assert info.key_rule == "solved"
    assert info.key_names == ("solved", "done", "resolved")
    assert (info.scope, info.rekeyed) == ("shared", True)


def test_each_of_many_accounts_is_a_source_with_its_own_secrets_and_vars() -> None:
    text = """\
sources:
  - {name: a, secrets: [A], vars: {who: acme}}
  - {name: b, secrets: [B, C], vars: {who: globex, plan: pro}}
verify: {scheme: signing}
vars: {plan: basic, level: 3}
outcomes:
  - name: solved
    when: "true"
    agent: bot
    customer: ${{ vars.who }}
    indicator: solved
    once_per: ${{ id(event.id) }}
    meta_tags: {plan: "${{ vars.plan }}", level: "${{ vars.level }}"}
"""
    found = good(text)
    assert found.sources["b"].secrets == ("B", "C")
    assert found.sources["a"].vars == {"who": "acme", "plan": "basic", "level": 3}
    outcome = only_outcome(found.map(delivery({"id": 1}, source="b")))
    assert outcome.customer_id == "globex"
    assert outcome.key == '["b","solved","1"]'
    assert outcome.meta_tags == {"plan": "pro", "level": "3"}


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("45m", timedelta(minutes=45)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        ("366d", timedelta(days=366)),
    ],
)
def test_a_source_says_which_silence_is_normal(written: str, means: timedelta) -> None:
    found = good(f"expect_every: {written}\n{MAPPING}")
    assert found.sources["desk"].expect_every == means
    assert good().sources["desk"].expect_every is None


def test_an_account_may_have_a_rhythm_of_its_own() -> None:
    head = """\
sources:
  - {name: a, secrets: [A]}
  - {name: b, secrets: [B], expect_every: 5m}
verify: {scheme: signing}
expect_every: 1d
"""
    found = good(head + MAPPING[MAPPING.index("outcomes:") :])
    every = {name: source.expect_every for name, source in found.sources.items()}
    assert every == {"a": timedelta(days=1), "b": timedelta(minutes=5)}


def test_a_shadow_source_says_so_in_all_it_maps() -> None:
    found = good(MAPPING.replace("outcomes:", "mode: shadow\noutcomes:", 1))
    assert found.sources["desk"].mode == "shadow"
    assert found.map(delivery(SOLVED)).shadow
    assert trace(found, delivery(SOLVED)).shadow


# a bad file costs only itself


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


# catalogue and tables


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


# versions


def test_a_mapping_version_names_the_text_and_the_tables_it_looks_into() -> None:
    found = good(MAPPING, tables__other_yaml='"x": y\n')
    version = found.versions[found.sources["desk"].mapping_version]
    assert (version.kind, version.name, version.text) == ("mapping", "desk.yaml", MAPPING)
    assert set(version.parts) == {"companies"}
    table = found.versions[version.parts["companies"]]
    assert (table.kind, table.name, table.text) == ("table", "companies", COMPANIES)


@pytest.mark.parametrize(
    ("others", "changes"),
    [
        ({}, False),
        ({"tables__other_yaml": '"x": y\n'}, False),
        ({"tables__companies_yaml": COMPANIES + '"3": initech\n'}, True),
    ],
    ids=["nothing", "another table", "its table"],
)
def test_a_mapping_version_changes_with_the_tables_it_looks_into(
    others: dict[str, str], changes: bool
) -> None:
    before = good(MAPPING).sources["desk"].mapping_version
    assert (good(MAPPING, **others).sources["desk"].mapping_version != before) is changes


def test_a_look_up_by_a_computed_name_depends_on_every_table() -> None:
    text = rule(customer="it's ${{ lookup(event.table, id(event.c)) }}")
    version = good(text).sources["desk"].mapping_version
    assert set(good(text).versions[version].parts) == {"companies"}


def test_a_price_version_is_that_of_the_catalogue() -> None:
    found = good()
    outcome = only_outcome(found.map(delivery(SOLVED)))
    version = found.versions[outcome.price_version or ""]
    assert (version.kind, version.name, version.text) == ("catalogue", "agents.yaml", AGENTS)


def test_the_time_zone_says_when_a_price_begins() -> None:
    agents = AGENTS.replace(
        'solved: {price: "0.99", currency: USD}',
        'solved: [{price: "1.00", currency: USD}, '
        '{price: "2.00", currency: USD, from: 2026-03-01}]',
    ).replace("acme: {solved", "nobody: {solved")
    files = files_of(rule(occurred_at="${{ event.at }}")) | {"agents.yaml": agents.encode()}
    payload = {"id": 1, "at": "2026-03-01T04:00:00Z"}
    amounts = []
    for zone in ("UTC", "America/New_York"):
        found = load(files, timezone=zone, schemes=FakeSchemes())
        amounts.append(only_outcome(found.map(delivery(payload))).amount_micros)
    assert amounts == [2_000_000, 1_000_000]


# the folder


def test_a_folder_is_read_with_its_tables_and_examples_alone(tmp_path: Path) -> None:
    for name in (
        "desk.yaml",
        "agents.yaml",
        "tables/a.csv",
        "examples/x.json",
        "notes/y.yaml",
        "tables/deep/z.yaml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert sorted(read_directory(tmp_path)) == [
        "agents.yaml",
        "desk.yaml",
        "examples/x.json",
        "tables/a.csv",
    ]


@pytest.mark.parametrize(
    "name", [".desk.yaml.swp", ".#desk.yaml", "desk.yaml~", "#desk.yaml#", ".git", "4913.tmp"]
)
def test_leftovers_of_editors_are_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    assert read_directory(tmp_path) == {}


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_directory(tmp_path / "nowhere")


def test_loading_twice_gives_the_same() -> None:
    one, two = good(), good()
    assert one.versions == two.versions
    assert one.map(delivery(SOLVED)) == two.map(delivery(SOLVED))


def test_a_file_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    for name, text in files_of(MAPPING).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text)
    # Root may read all but this: its first page is unreadable.
    for name in ("chat.yaml", "tables/people.csv"):
        (tmp_path / name).symlink_to("/proc/self/mem")
    last_good = {"chat.yaml": SECOND.encode()}
    found = load(
        read_directory(tmp_path), timezone="UTC", schemes=FakeSchemes(), last_good=last_good
    )
    assert [(one.file, one.message) for one in found.problems] == [
        ("tables/people.csv", "The file cannot be read."),
        ("chat.yaml", "The file cannot be read."),
    ]
    assert sorted(found.sources) == ["chat", "desk"]
    assert found.stale == {"chat.yaml"}


def test_of_a_file_without_end_no_more_is_read_than_says_so(tmp_path: Path) -> None:
    with (tmp_path / "desk.yaml").open("wb") as file:
        file.truncate(40 * 1024**3)
    tracemalloc.start()
    files = read_directory(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 1024**2
    (problem,) = (
        one
        for one in load(files, timezone="UTC", schemes=FakeSchemes()).problems
        if one.file == "desk.yaml"
    )
    assert problem.message == "The file is larger than 1 MiB."
