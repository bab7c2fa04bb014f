"""docs/sources.md and its pages: in step with the schemes and the mappings that are shipped."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from receiver.signatures import PRESETS, RULES
from tests.support.markdown import ROOT, Page
from tests.support.sources_page import (
    DOCS,
    FACTS,
    PAGE,
    TABLE,
    as_facts,
    as_page,
    as_table,
    mapping_files,
    not_found,
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
#: Of each preset in docs/vendors.yaml, in this order.
LINES = [
    *("where", "secret", "retries", "quirks", "answer", "docs", "checked"),
    *("retry_span", "window"),
]
PAGES = [Page(DOCS / "sources" / f"{name}.md") for name in TWELVE]
_MAPPING = re.compile(r"\(\.\./\.\./(mappings/(?:library/)?[\w-]+\.yaml)\)")


def test_every_preset_and_no_other_is_described() -> None:
    assert set(vendors()) == set(PRESETS)
    assert {name: list(said) for name, said in vendors().items() if list(said) != LINES} == {}
    for name in PRESETS:
        assert f"\n`{name}`" in PAGE.read_text("utf-8"), name


@pytest.mark.parametrize(
    ("file", "made"),
    [(FACTS, as_facts), (PAGE, as_page), (TABLE, as_table)],
    ids=lambda one: one.name if isinstance(one, Path) else "",
)
def test_what_is_made_of_the_schemes_is_as_it_would_be_made(
    file: Path, made: Callable[[], str]
) -> None:
    assert file.read_text("utf-8") == made(), "run python -m tests.support.sources_page"


def test_every_vendor_that_was_not_found_says_what_was_read_and_how_to_connect_it() -> None:
    vendors_with_preset = {one.vendor.casefold() for one in PRESETS.values()}
    for vendor, said in not_found().items():
        assert list(said) == ["looked", "found", "instead"], vendor
        assert all(said.values()), vendor
        assert re.search(r"20\d\d-(0[1-9]|1[0-2])$", said["looked"]), vendor
        assert vendor.casefold() not in vendors_with_preset
        assert f"| {vendor} | {said['looked']} | " in PAGE.read_text("utf-8")
    names = [*RULES.names(), "path-token"]
    for scheme in re.findall(
        r"`([a-z-]+)`", " ".join(one["instead"] for one in not_found().values())
    ):
        assert scheme in names, scheme


#: Those that teams which bill by outcome asked for first; None has no public source.
ASKED_FOR = {
    "Vapi": "vapi",
    "Retell": "retell",
    "ElevenLabs": "elevenlabs",
    "Bland": "bland",
    "Telnyx": "telnyx",
    "Aircall": "aircall",
    "Dialpad": "dialpad",
    "Gorgias": "gorgias",
    "Help Scout": "helpscout",
    "Chatwoot": "chatwoot",
    "Kustomer": "kustomer",
    "Crisp": "crisp",
    "LiveChat": "livechat",
    "ActiveCampaign": "activecampaign",
    "Chili Piper": "chili-piper",
    "SavvyCal": "savvycal",
    "Acuity": "acuity",
    "Copper": "copper-headers",
    "Front": "front-app",
    "Apollo": None,
}


@pytest.mark.parametrize(("vendor", "preset"), ASKED_FOR.items())
def test_a_vendor_that_was_asked_for_has_a_preset_or_is_listed_as_not_found(
    vendor: str, preset: str | None
) -> None:
    if preset is None:
        assert vendor in not_found()
    else:
        assert PRESETS[preset].vendor.startswith(vendor)
        assert vendors()[preset]["checked"] >= "2026-08"


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
