"""The ready-made mappings load under the real schemes, and bill exactly what their examples say."""

from pathlib import Path
from typing import Any

import pytest

from mappings.engine.loading.load import is_mapping, load, read_directory
from mappings.engine.reading.yamlfile import parse
from mappings.engine.tooling.examples import run_examples
from receiver.signatures import RULES

FOLDER = Path(__file__).parents[3] / "mappings" / "library"
FILES = read_directory(FOLDER)
NAMES = sorted(file.removesuffix(".yaml") for file in FILES if is_mapping(file))
MAPPINGS = load(FILES, timezone="UTC", schemes=RULES)
#: What cannot be taken back, because the vendor has no event for it.
WITHOUT_REVERSAL = {
    *("bitbucket", "docusign", "docusign-xml", "dropbox-sign", "zoom"),
    *("vapi", "retell", "elevenlabs", "bland", "telnyx"),
}


def document(name: str) -> Any:
    return parse(FILES[f"{name}.yaml"], file=f"{name}.yaml").data


def test_all_load_without_a_problem() -> None:
    assert [str(problem) for problem in MAPPINGS.problems] == []
    assert {source.file for source in MAPPINGS.sources.values()} == {f"{n}.yaml" for n in NAMES}


def test_all_examples_bill_what_they_say() -> None:
    assert [str(problem) for problem in run_examples(MAPPINGS, FILES)] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_has_examples_that_bill_that_do_not_and_that_reverse(name: str) -> None:
    outcomes = [one["outcomes"] for one in document(name)["examples"] if "outcomes" in one]
    assert any("amount" in outcome for one in outcomes for outcome in one)
    assert [] in outcomes
    reverses = any(outcome.get("kind") == "reversal" for one in outcomes for outcome in one)
    assert reverses == (name not in WITHOUT_REVERSAL)
    assert reverses == any("reverses" in rule for rule in document(name)["outcomes"])


@pytest.mark.parametrize("name", NAMES)
def test_each_starts_in_shadow_and_teaches_where_it_is_set_up(name: str) -> None:
    lines = FILES[f"{name}.yaml"].decode().splitlines()
    head = [line for line in lines[: lines.index("verify:")] if line.startswith("#")]
    assert document(name)["mode"] == "shadow"
    assert lines[0] == "# yaml-language-server: $schema=./mapping.schema.json"
    assert any(line.startswith("# https://") for line in head)
    assert len(head) >= 4


def test_every_file_is_used() -> None:
    texts = b"\n".join(body for file, body in FILES.items() if is_mapping(file)).decode()
    for file in FILES:
        if file.startswith("examples/"):
            assert f"payload: {file}\n" in texts or f"payload: {file} " in texts, file
        if file.startswith("tables/"):
            assert f'lookup("{Path(file).stem}", ' in texts, file


def test_the_readme_names_every_mapping() -> None:
    readme = FILES["README.md"].decode()
    assert [name for name in NAMES if f"`{name}`" not in readme] == []
