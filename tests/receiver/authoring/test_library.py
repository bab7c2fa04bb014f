"""Each ready-made mapping can be taken into a folder of one's own, alone or with all the others."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from mappings.engine.loading.load import MappingSet, load
from mappings.engine.tooling.examples import run_examples
from receiver.authoring.folder import folder_files
from receiver.authoring.library import for_scheme, library
from receiver.signatures import RULES
from tests.support.markdown import ROOT, pages

LIBRARY = library()
MODELINE = "# yaml-language-server: $schema=./"


def loaded(files: Mapping[str, bytes]) -> MappingSet:
    """The set that these files make, without a problem and with all examples as expected."""
    own = {k.removeprefix("mappings/"): v for k, v in files.items() if k.startswith("mappings/")}
    found = load(own, timezone="UTC", schemes=RULES)
    assert [str(problem) for problem in (*found.problems, *run_examples(found, own))] == []
    return found


@pytest.mark.parametrize("name", LIBRARY)
def test_an_entry_alone_under_another_name_is_a_whole_folder_that_bills_nothing(name: str) -> None:
    entry = LIBRARY[name]
    if len(entry.sources) == 1:
        entry = entry.under("second-one")
        assert entry.sources == ("second-one",)
    files = folder_files([entry], token="t")
    found = loaded(files)
    assert tuple(found.sources) == entry.sources
    assert {source.mode for source in found.sources.values()} == {"shadow"}
    assert found.catalogue is not None
    assert found.catalogue.agents.keys() == entry.prices.keys()
    secrets = [line.partition("=")[0] for line in files[".env"].decode().splitlines()]
    assert all(secret in secrets for one in found.sources.values() for secret in one.secrets)


def test_all_entries_go_together() -> None:
    files = folder_files(LIBRARY.values(), token="t")
    assert set(loaded(files).sources) == {s for one in LIBRARY.values() for s in one.sources}
    for name, body in files.items():
        first = body.decode().partition("\n")[0]
        if first.startswith(MODELINE):
            assert f"mappings/{first.removeprefix(MODELINE)}" in files, name
    assert len(LIBRARY) > 25


def test_a_second_account_has_a_secret_of_its_own() -> None:
    assert LIBRARY["zendesk"].under("zendesk-acme").secrets == ("ZENDESK_ACME_SECRET",)
    assert LIBRARY["shopify"].under("shop").secrets == ("SHOP_SECRET",)
    assert LIBRARY["zendesk"].under("zendesk") == LIBRARY["zendesk"]


def test_entries_are_found_by_scheme_and_else_by_vendor() -> None:
    assert [one.name for one in for_scheme("zendesk")] == ["zendesk"]
    assert "gitlab" in [one.name for one in for_scheme("gitlab-token")]
    assert for_scheme("hmac") == []


def test_every_entry_that_the_pages_tell_to_copy_is_there() -> None:
    readme = (ROOT / "mappings" / "library" / "README.md").read_text()
    text = "".join(page.text for page in pages()) + readme
    shown = re.findall(r"receiver new ([a-z][\w-]*) --from ([a-z][\w-]*)", text)
    assert len(shown) > 10
    assert {entry for _, entry in shown} <= LIBRARY.keys()
    initialised = re.findall(r"receiver init \w+ --with ([\w,-]+)", text)
    assert {name for one in initialised for name in one.split(",")} <= LIBRARY.keys()
