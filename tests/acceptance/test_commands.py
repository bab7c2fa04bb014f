"""Every command, in both its forms, on what a real service has recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Ran, Service
from tests.support.vendors import SECRETS, helpdesk, solved

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the commands are asked about."""

    customer: str
    billed: str
    failed: str
    payload: Path


@dataclass(frozen=True, slots=True)
class Case:
    """A command that prints data.

    `code` is its exit code. `data` checks its JSON; `text` is what people read.
    """

    command: str
    data: Callable[[Any, Recorded], object]
    text: Callable[[Recorded], str]
    code: int = 0


def _item(items: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The one item with these values."""
    (found,) = [item for item in items if wanted.items() <= item.items()]
    return found


CASES = {
    "status": Case(
        "status",
        lambda found, _: (
            found["accepted"]
            == sum(
                found[state] for state in ("received", "recorded", "ignored", "failed", "discarded")
            )
        ),
        lambda _: "in balance",
    ),
    "deliveries": Case(
        "deliveries --state failed --source tickets --limit 5",
        lambda found, r: _item(found, id=r.failed, state="failed", reason="unpriced"),
        lambda r: r.failed,
    ),
    "show": Case(
        "show {billed}",
        lambda found, r: (
            found["id"] == r.billed
            and found["billing_events"][0]["amount"] == "0.99"
            and json.loads(found["body"])["customer"] == r.customer
        ),
        lambda _: "0.99 USD",
    ),
    "failures": Case(
        "failures --reason unpriced",
        lambda found, _: all(
            group["replay"].endswith(f"--rule resolved --group {group['id']}") for group in found
        ),
        lambda _: "receiver replay --source tickets --reason unpriced --rule resolved",
    ),
    "replay": Case(
        "replay {failed} --dry-run",
        lambda found, _: (found["matched"], found["would"]) == (1, {"failed": 1}),
        lambda r: f"still fails: {r.failed} unpriced",
    ),
    "discard": Case(
        "discard {failed} --dry-run",
        lambda found, _: found == {"matched": 1},
        lambda _: "1 delivery would be discarded",
    ),
    "rules": Case(
        "rules",
        lambda found, _: _item(found, source="tickets", rule="resolved")["matched"] >= 1,
        lambda _: "resolved",
    ),
    "sources": Case(
        "sources",
        lambda found, _: _item(found, source="shut", scheme="standard-webhooks")["missing"],
        lambda _: "SHUT_SECRET",
    ),
    "revenue": Case(
        "revenue --by agent,customer --customer {customer}",
        lambda found, r: (
            found
            == [
                {
                    "agent": "support-agent",
                    "customer": r.customer,
                    "currency": "USD",
                    "charges": 1,
                    "reversals": 0,
                    "amount": "0.99",
                }
            ]
        ),
        lambda _: "0.99",
    ),
    "check": Case(
        "check --offline", lambda found, _: found == [], lambda _: "examples as expected"
    ),
    "try-file": Case(
        "try tickets {payload}",
        lambda found, _: "support-agent" in json.dumps(found),
        lambda _: "would bill:",
    ),
    "try-delivery": Case(
        "try tickets {failed}",
        lambda found, _: "unpriced" in json.dumps(found),
        lambda _: "would bill nothing: it fails",
        code=1,
    ),
    "send": Case(
        "send tickets {payload}",
        lambda found, _: (
            (found["status"], found["answer"]["status"]) in ((202, "accepted"), (200, "duplicate"))
        ),
        lambda _: '"delivery"',
    ),
    "send-tampered": Case(
        "send tickets {payload} --tamper",
        lambda found, _: (found["status"], found["answer"]["error"]) == (401, "not-verified"),
        lambda _: "401 Unauthorized",
        code=1,
    ),
}

#: Commands that print no data, or print it as JSON alone: what they say, by exit code.
OTHERS: dict[str, tuple[int, str]] = {
    "--version": (0, "0."),
    "migrate": (0, "the database has this version's tables"),
    "schema": (0, '"$schema"'),
    "show nothing-like-it": (1, "nothing has the id 'nothing-like-it'"),
    "try tickts {payload}": (2, "did you mean tickets?"),
    "deliveries --state lost": (2, "choose from received, recorded"),
    "replay": (2, "name what to replay"),
    "discard {failed}": (2, "--note is missing"),
    "check /nowhere/at/all": (2, "/nowhere/at/all"),
    "send shut {payload}": (1, "SHUT_SECRET"),
    "nonsense": (2, "nonsense"),
}


#: What each asks the database for differs by command; the rest of a command does not differ.
ON_POSTGRES = ("status", "deliveries", "show", "failures", "rules", "revenue")
on_sqlite = pytest.mark.only("sqlite")


class Runs:
    """Commands by their text, run side by side: most of a command's time is its start."""

    def __init__(self, service: Service, about: Recorded, commands: Iterable[str]) -> None:
        self.about = about
        names = {name: getattr(about, name) for name in Recorded.__slots__}
        with ThreadPoolExecutor(max_workers=3) as pool:
            ran = {
                command: pool.submit(service.run, *command.format(**names).split())
                for command in commands
            }
        self._ran = {command: future.result() for command, future in ran.items()}

    def __getitem__(self, command: str) -> Ran:
        return self._ran[command]


@pytest.fixture(scope="session")
def about(service: Service) -> Recorded:
    customer = "customer-of-commands"
    billed = service.settle(helpdesk(solved(customer)))
    failed = service.settle(helpdesk(solved(customer, agent="unpriced-of-commands")))
    payload = service.root / "payload.json"
    payload.write_text(json.dumps(solved(f"another-{customer}")))
    return Recorded(customer, billed["id"], failed["id"], payload)


@pytest.fixture(scope="session")
def runs(service: Service, about: Recorded, database_kind: str) -> Runs:
    """Those that print data, as JSON."""
    names = CASES if database_kind == "sqlite" else ON_POSTGRES
    return Runs(service, about, [f"{CASES[name].command} --json" for name in names])


@pytest.fixture(scope="session")
def said(service: Service, about: Recorded) -> Runs:
    """What people read: the same words over either database, so over one of them."""
    return Runs(service, about, [case.command for case in CASES.values()] + list(OTHERS))


def _is_plain(ran: Ran) -> None:
    for text in (ran.out, ran.err):
        assert "\x1b" not in text
        assert "Traceback" not in text
        assert not [name for name, secret in SECRETS.items() if secret in text]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in ON_POSTGRES else on_sqlite) for name in CASES],
)
def test_what_a_command_prints_as_json(runs: Runs, name: str) -> None:
    case = CASES[name]
    ran = runs[f"{case.command} --json"]
    assert ran.code == case.code, ran
    assert case.data(ran.json, runs.about), ran.json
    _is_plain(ran)


@on_sqlite
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_a_command_says_to_people(said: Runs, case: Case) -> None:
    ran = said[case.command]
    assert ran.code == case.code, ran
    assert case.text(said.about) in ran.out
    _is_plain(ran)


@on_sqlite
@pytest.mark.parametrize("command", OTHERS)
def test_how_a_command_ends_and_what_it_says(said: Runs, command: str) -> None:
    code, text = OTHERS[command]
    ran = said[command]
    assert ran.code == code, ran
    assert text in (ran.out if code == 0 else ran.err)
    if code != 0:
        assert ran.out == ""
    _is_plain(ran)


def test_json_of_a_command_is_what_the_api_answers(service: Service, runs: Runs) -> None:
    shown = runs["show {billed} --json"].json
    assert shown == service.api(f"deliveries/{runs.about.billed}")
    listed = runs["deliveries --state failed --source tickets --limit 5 --json"].json
    from_api = service.api("deliveries", state="failed", source="tickets", limit=1000)["items"]
    assert listed
    assert [item for item in listed if item not in from_api] == []


@on_sqlite
def test_all_of_it_works_without_a_database_or_says_what_is_missing(
    service: Service, tmp_path: Path
) -> None:
    nothing_yet = {"RECEIVER_DATABASE_URL": "", "RECEIVER_DATA_DIR": str(tmp_path)}
    missing = service.run("status", "--json", environment=nothing_yet)
    assert (missing.code, missing.out) == (1, "")
    assert "receiver migrate" in missing.err
    assert list(tmp_path.iterdir()) == []
    assert service.run("check", environment=nothing_yet).code == 0


@on_sqlite
def test_a_wrong_setting_is_named_with_what_to_write(service: Service) -> None:
    ran = service.run("status", environment={"RECEIVER_PORT": "eighty"})
    assert (ran.code, ran.out) == (2, "")
    assert "RECEIVER_PORT" in ran.err
    _is_plain(ran)
