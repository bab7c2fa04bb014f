"""A good folder: its sources, versions and files."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest

from mappings.engine.loading.load import load, read_directory
from mappings.engine.tooling.trace import trace
from mappings.engine.types import Kind
from tests.mappings.kit import (
    AGENTS,
    COMPANIES,
    MAPPING,
    SOLVED,
    FakeSchemes,
    delivery,
    files_of,
    good,
    only_outcome,
    rule,
)

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
    assert reversal.acts_on == "solved"
    assert [field.template.text for field in charge.once_per or ()] == ["${{ id(event.id) }}"]


def test_a_renamed_rule_keeps_the_oldest_name_in_its_key() -> None:
    text = rule(name="resolved", was="[solved, done]", scope="shared", rekeyed="true")
    renamed = good(text).sources["desk"].rules[0]
    assert (renamed.name, renamed.key_rule, renamed.scope) == ("resolved", "solved", "shared")


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
    ).replace("acme: {solved", "unknown: {solved")
    files = files_of(rule(occurred_at="${{ event.at }}")) | {"agents.yaml": agents.encode()}
    payload = {"id": 1, "at": "2026-03-01T04:00:00Z"}
    amounts = []
    for zone in ("UTC", "America/New_York"):
        found = load(files, timezone=zone, schemes=FakeSchemes())
        amounts.append(only_outcome(found.map(delivery(payload))).amount_micros)
    assert amounts == [2_000_000, 1_000_000]


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
