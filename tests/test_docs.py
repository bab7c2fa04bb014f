"""What the pages say is loaded, evaluated and looked up here, so that it cannot go stale."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from jobs.ledger.book import KeyBook
from mappings.engine.loading.load import MappingSet, load, read_directory
from mappings.engine.reasons import Reason
from mappings.engine.tooling.examples import run_examples
from mappings.engine.tooling.trace import trace
from mappings.engine.types import DeliveryInput
from receiver.app import WebProcess
from receiver.cli.app import app
from receiver.config.settings import PREFIX, Settings, variable
from receiver.health.metrics import Metrics
from receiver.signatures import RULES
from receiver.sources.secrets import Secrets
from tests.jobs.builders import record
from tests.jobs.model import ModelOutcome, charge, reinstatement, reversal
from tests.mappings.kit import RECEIVED_AT
from tests.support.markdown import ROOT, Fence, Page, code, pages

MAPPINGS = Page(ROOT / "docs" / "mappings.md")
OPERATING = Page(ROOT / "docs" / "operating.md")
SHIPPED = read_directory(ROOT / "mappings")

_NAMED = re.compile(r"# (\S+\.yaml)\n")
_HEAD = "source: desk\nverify: {scheme: standard-webhooks, secrets: [DESK_SECRET]}\n"
_RULE = """\
outcomes:
  - name: ticket-resolved
    when: "true"
    agent: support-agent
    customer: acme-corp
    indicator: ticket-resolved
    once_per: ${{ id(event.id) }}
"""


def named(page: Page) -> dict[str, bytes]:
    """The blocks that begin with `# name.yaml`, by that name; the last of a name counts."""
    found = ((_NAMED.match(fence.text), fence.text) for fence in page.fences("yaml"))
    return {name[1]: text.encode() for name, text in found if name}


def loaded(files: dict[str, bytes]) -> MappingSet:
    """The set these files make, which is as it should be."""
    made = load(files, timezone="UTC", schemes=RULES)
    assert [str(problem) for problem in made.problems] == []
    assert [str(problem) for problem in run_examples(made, files)] == []
    return made


def whole(fragment: str) -> str:
    """A mapping file around the keys that a block shows."""
    keys = yaml.safe_load(fragment)
    assert isinstance(keys, dict), fragment
    taken = {*keys, *(["source"] if "sources" in keys else [])}
    head = [line for line in _HEAD.splitlines(keepends=True) if line.partition(":")[0] not in taken]
    tail = "" if "outcomes" in keys else _RULE
    return "".join(head) + fragment + tail


def blocks() -> Iterator[Any]:
    """Every block that is a mapping file, or a piece of one."""
    for page in pages():
        for fence in page.fences("yaml"):
            name = _NAMED.match(fence.text)
            if name is None or ("/" not in name[1] and name[1] != "agents.yaml"):
                yield pytest.param(page, fence, id=f"{page.name}:{fence.line}")


def test_the_ten_minutes_work_as_they_stand() -> None:
    text = MAPPINGS.text.partition("## The file")[0]
    blocks = [f for f in MAPPINGS.fences("yaml") if f.text in text][:3]
    files = {(_NAMED.match(one.text) or [""])[1]: one.text.encode() for one in blocks}
    assert sorted(files) == ["agents.yaml", "desk.yaml", "tables/companies.yaml"]
    files["examples/desk-solved.json"] = MAPPINGS.fences("json")[0].text.encode()
    assert set(loaded(files).sources) == {"desk"}


@pytest.mark.parametrize(("page", "fence"), list(blocks()))
def test_each_mapping_shown_is_a_good_one(page: Page, fence: Fence) -> None:
    own = named(page)
    around = {name: text for name, text in own.items() if "/" in name or name == "agents.yaml"}
    if "agents.yaml" not in own:
        around = {n: t for n, t in SHIPPED.items() if "/" in n or n == "agents.yaml"}
    examples = {"examples/desk-solved.json": MAPPINGS.fences("json")[0].text.encode()}
    loaded({**around, **examples, "shown.yaml": whole(fence.text).encode()})


def traced(expression: str) -> Any:
    """The value of an expression for the event that the page shows, or its error."""
    mapping = _HEAD + f"let:\n  shown: >-\n    {expression}\n{_RULE}"
    found = trace(
        loaded({**named(MAPPINGS), "desk.yaml": mapping.encode()}),
        DeliveryInput(
            source="desk",
            body=MAPPINGS.fences("json")[1].text.encode(),
            headers={},
            received_at=RECEIVED_AT,
        ),
    )
    [let] = found.events[0].lets
    return f"fails: {let.error}" if let.error else let.value


@pytest.mark.parametrize(
    ("expression", "gives"),
    [
        pytest.param(shown, gives, id=shown)
        for expression, gives in MAPPINGS.table("expression", "gives")
        if (shown := code(expression)) is not None
    ],
)
def test_each_expression_gives_what_is_shown(expression: str, gives: str) -> None:
    found, literal = traced(expression), code(gives)
    if literal is None:
        assert str(found).startswith(gives)
    else:
        assert found == json.loads(literal)
        assert type(found) is type(json.loads(literal))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [(code(a), code(b)) for a, b, _ in MAPPINGS.table("instead of", "write", "because")],
)
def test_each_corner_of_yaml_is_refused_one_way_and_taken_the_other(wrong: str, right: str) -> None:
    def problems(line: str) -> list[str]:
        key = line.partition(":")[0]
        rule = "".join(
            one for one in _RULE.splitlines(keepends=True) if not one.startswith(f"    {key}:")
        )
        files = {**named(MAPPINGS), "desk.yaml": f"{_HEAD}{rule}    {line}\n".encode()}
        return [str(one) for one in load(files, timezone="UTC", schemes=RULES).problems]

    assert problems(wrong)
    assert problems(right) == []


def said(words: str) -> ModelOutcome:
    """`charge 10:00` as the builders write it; every hour has a price of its own."""
    kind, _, clock = words.partition(" ")
    hour = int(clock.partition(":")[0]) if clock else None
    if kind in ("charge", "latest"):
        return charge(hour, (hour or 0) + 1, rule="latest" if kind == "latest" else "first")
    return reinstatement(hour) if kind == "reinstatement" else reversal(hour)


@pytest.mark.parametrize(
    ("arrives", "becomes", "owes"),
    MAPPINGS.table("arrives, in this order", "becomes", "the key owes"),
)
def test_each_order_of_arrival_ends_as_shown(arrives: str, becomes: str, owes: str) -> None:
    book = KeyBook("key")
    verdicts = [record(book, said(words)).verdict.value for words in arrives.split(", ")]
    due = book.owed()
    assert verdicts == becomes.split(", ")
    assert (due.terms.amount_micros if due else None) == (
        None if owes == "nothing" else said(owes).micros
    )


def schema_keys(schema: dict[str, Any], *names: str) -> set[str]:
    return {key for name in names for key in schema["$defs"][name]["properties"]}


def test_every_key_of_a_mapping_file_is_documented() -> None:
    schema = json.loads(SHIPPED["mapping.schema.json"])
    keys = set(schema["properties"])
    keys |= schema_keys(schema, "RuleModel", "ExampleModel", "Expected", "SourceItem")
    written = {
        key
        for fence in MAPPINGS.fences("yaml")
        for key in re.findall(r"(?:^|[\s{])([a-z_]+):", fence.text)
    }
    assert keys - written - set(MAPPINGS.spans()) == set()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Page) -> None:
    for link in page.links():
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = Page((page.path.parent / path).resolve()) if path else page
        assert target.path.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in target.anchors(), f"{page.name} links to {link}"


def commands(page: Page) -> Iterator[list[str]]:
    """Each `receiver …` that the page shows, as words."""
    shown = [line for fence in page.fences("sh") for line in fence.text.splitlines()]
    for line in (*shown, *page.spans()):
        for found in re.finditer(r"(?:^|[\s/(])receiver ([a-z-][^|;&)#]*)", line):
            yield shlex.split(found[1])


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_command_shown_exists_with_its_options(page: Page) -> None:
    known = get_command(app).commands  # type: ignore[attr-defined]  # typer's own group
    for words in commands(page):
        options = {word.partition("=")[0] for word in words if word.startswith("-")} - {"-"}
        assert words[0] in known or words[0] == "--help", f"receiver {words[0]}"
        has = {o for param in known[words[0]].params for o in (*param.opts, *param.secondary_opts)}
        assert options <= has, f"receiver {' '.join(words)}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_setting_named_exists(page: Page) -> None:
    known = {variable(name) for name in Settings.model_fields}
    assert set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", page.text)) <= known


def first_spans(rows: list[list[str]]) -> set[str]:
    """What stands between backticks in the first column."""
    return {span for row in rows for span in re.findall(r"`([^`]+)`", row[0])}


def test_every_metric_is_documented_and_no_other() -> None:
    found = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for metric in Metrics().registry.collect()
    }
    assert first_spans(OPERATING.table("metric", "what it is")) == found


def test_everything_that_readyz_can_name_is_documented_and_no_other(tmp_path: Path) -> None:
    process = WebProcess(Settings(data_dir=tmp_path), secrets=Secrets(environ={}))
    assert first_spans(OPERATING.table("name", "what is wrong", "what to do")) == set(
        process.health.on_readyz
    )


def test_every_reason_is_documented_and_no_other() -> None:
    reasons = first_spans(MAPPINGS.table("reason", "what happened", "what fixes it"))
    assert reasons == {reason.value for reason in Reason}


def test_every_log_event_is_documented_and_no_other() -> None:
    sources = "".join(
        path.read_text("utf-8")
        for package in ("jobs", "receiver")
        for path in (ROOT / package).rglob("*.py")
    )
    logged = set(re.findall(r'log\.(?:info|warning|error|exception)\(\s*"([a-z_.]+)"', sources))
    for name in re.findall(r'\b(?:every|attempt)\(\s*"([a-z_]+)"', sources):
        logged |= {f"{name}.postponed", f"{name}.error"}
    assert first_spans(OPERATING.table("event", "what it means")) == logged


def _commands_into_env() -> Iterator[Any]:
    """Each command of a page that writes into `.env`, its continued lines joined."""
    for page in pages():
        for fence in page.fences("sh"):
            for command in fence.text.replace("\\\n", " ").splitlines():
                if re.search(r">\s*\.env\b", command):
                    yield pytest.param(command, id=f"{page.name}:{fence.line}")


@pytest.mark.parametrize("command", list(_commands_into_env()))
def test_a_command_that_writes_into_env_makes_it_for_its_owner_alone(
    command: str, tmp_path: Path
) -> None:
    script = f"umask 022; openssl() {{ echo 00; }}\n{command}\n"
    subprocess.run(["/bin/sh", "-c", script], check=True, cwd=tmp_path, timeout=60)
    path = tmp_path / ".env"
    assert path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_page_shows_how_to_write_a_secret_into_env() -> None:
    assert list(_commands_into_env())
