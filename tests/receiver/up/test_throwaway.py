from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mappings.engine.load import load, read_directory
from receiver.signatures import RULES, scheme_of, sign, verify
from receiver.up import throwaway

MAPPINGS = Path(__file__).resolve().parents[3] / "mappings"
SOURCES = load(read_directory(MAPPINGS), timezone="UTC", schemes=RULES).sources


def test_a_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "secrets"
    made = throwaway.make_missing(["A", "B"], folder)
    assert made["A"] != made["B"]
    assert throwaway.make_missing(["B", "C"], folder)["B"] == made["B"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_an_owners_own_value_is_kept(tmp_path: Path) -> None:
    (tmp_path / "A").write_text("mine\n")
    assert throwaway.make_missing(["A"], tmp_path) == {"A": "mine"}


def test_every_source_that_is_shipped_is_known_as_such() -> None:
    assert set(SOURCES) == throwaway.SHIPPED


@pytest.mark.parametrize("name", sorted(throwaway.SHIPPED))
def test_each_shipped_scheme_takes_the_secret(name: str) -> None:
    scheme = scheme_of(SOURCES[name].verify)
    call = {"method": "POST", "url": f"https://x.example/webhooks/{name}"}
    secret = throwaway.new_secret()
    added = sign(scheme, secret=secret, headers={}, body=b"{}", now=1e9, **call)
    proof = verify(scheme, secrets=[secret], headers=added, body=b"{}", now=1e9, **call)
    assert proof.secret_index == 0
