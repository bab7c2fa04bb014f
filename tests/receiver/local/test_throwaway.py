from __future__ import annotations

import stat
from pathlib import Path

import pytest

from receiver.local import throwaway
from receiver.signatures import PRESETS, Scheme, sign, verify
from receiver.signatures.secret_forms import form_problem

#: One scheme of each form of secret; those of all presets are judged below.
FORMS = (
    "github",
    "close",
    "airtable",
    "standard-webhooks",
    "pipedrive",
    "telnyx",
    "sendgrid",
    "wise",
)


def test_a_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "secrets"
    made = throwaway.make_missing({"A": None, "B": None}, folder)
    assert made["A"] != made["B"]
    assert throwaway.make_missing({"B": None, "C": None}, folder)["B"] == made["B"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_an_owners_own_value_is_kept(tmp_path: Path) -> None:
    (tmp_path / "A").write_text("mine\n")
    assert throwaway.make_missing({"A": None}, tmp_path) == {"A": "mine"}


def test_every_preset_gets_a_secret_of_its_form() -> None:
    made = {name: throwaway.new_secret(scheme) for name, scheme in PRESETS.items()}
    assert [name for name, secret in made.items() if secret is None] == []
    assert all(form_problem(PRESETS[name], secret or "") is None for name, secret in made.items())


@pytest.mark.parametrize(
    "scheme",
    [PRESETS[name] for name in FORMS],
    ids=lambda scheme: scheme.name,
)
def test_a_request_can_be_signed_with_what_was_made(scheme: Scheme) -> None:
    secret = throwaway.new_secret(scheme)
    assert secret is not None
    call = {"method": "POST", "url": "https://x.example/webhooks/x"}
    added = sign(scheme, secret=secret, headers={}, body=b"{}", now=1e9, **call)
    verified = verify(scheme, secrets=[secret], headers=added, body=b"{}", now=1e9, **call)
    assert verified.secret_index == 0
