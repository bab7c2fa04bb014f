"""docs/sources.md and its pages: in step with the schemes and the mappings that are shipped."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from receiver.signatures import PRESETS
from tests.support.markdown import ROOT, Page
from tests.support.sources_page import (
    DOCS,
    PAGE,
    as_page,
    mapping_files,
    set_up_pages,
    vendors,
)

TWELVE = {
    "hubspot": "hubspot-v3",
    "salesforce": "salesforce-outbound-message",
    "zendesk": "zendesk",
    "intercom": "intercom",
    "calendly": "calendly",
    "slack": "slack-interactive",
    "docusign": "docusign",
    "stripe": "stripe",
    "shopify": "shopify",
    "github": "github",
    "jira": "jira",
    "standard-webhooks": "standard-webhooks",
}
PAGES = [Page(DOCS / "sources" / f"{name}.md") for name in TWELVE]
_MAPPING = re.compile(r"\(\.\./\.\./(mappings/(?:library/)?[\w-]+\.yaml)\)")


def test_every_preset_and_no_other_is_described() -> None:
    assert set(vendors()) == set(PRESETS)
    lines = {"where", "secret", "retries", "quirks", "docs"}
    assert {name: set(said) for name, said in vendors().items() if set(said) != lines} == {}
    for name in PRESETS:
        assert f"\n`{name}`" in PAGE.read_text("utf-8"), name


def test_the_page_is_as_it_would_be_made() -> None:
    assert PAGE.read_text("utf-8") == as_page(), "run python -m tests.support.sources_page"


def test_the_twelve_have_a_page_each_which_readme_links() -> None:
    assert sorted(page.path for page in PAGES) == sorted((DOCS / "sources").glob("*.md"))
    readme = Page(ROOT / "README.md").links()
    for page in PAGES:
        assert page.name in readme
        assert set_up_pages()[TWELVE[page.path.stem]] == page.path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)
def test_a_page_is_true_of_the_mapping_it_hands_out(page: Page) -> None:
    linked = [Path(found) for found in _MAPPING.findall(page.text) if "agents.yaml" not in found]
    files = mapping_files()
    first = files[linked[0]]
    assert TWELVE[page.path.stem] == first["verify"]["scheme"]
    assert f"`{TWELVE[page.path.stem]}`" in page.text.partition("\n## ")[0]
    for path in linked:
        assert f"`{files[path]['verify']['scheme']}`" in page.text or "same scheme" in page.text
    sources = first.get("sources") or [{"name": first["source"], **first["verify"]}]
    names = {one["name"] for one in sources}
    assert any(f"`{one['secrets'][0]}`" in page.text for one in sources)
    assert set(re.findall(r"receiver (?:try|send|verify) (\S+)", page.text)) <= names
    assert set(re.findall(r"--source (\S+?)`", page.text)) <= names
    agents = Page(ROOT / "mappings" / "library" / "agents.yaml").text
    for agent in re.findall(r"copy that of `([\w-]+)`", page.text):
        assert agent in agents
        assert agent in {rule.get("agent") for rule in first["outcomes"]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)
def test_the_files_in_a_page_exist(page: Page) -> None:
    library = ROOT / "mappings" / "library"
    linked = [Path(found) for found in _MAPPING.findall(page.text)]
    folder = library if "library" in linked[0].parts else ROOT / "mappings"
    for line in [line for fence in page.fences("sh") for line in fence.text.splitlines()]:
        if not line.startswith(("cp ", "receiver ")):
            continue
        words = shlex.split(line, comments=True)
        if words[0] == "cp":
            assert list(ROOT.glob(words[1])), line
        elif words[1] in {"try", "send"}:
            assert (folder / words[3].removeprefix("mappings/")).is_file(), line
