"""On a terminal of 60 to 200 columns no line is wider than it, and no word that fits is broken.

Of all commands: one that is added has to be put into `RUNS`.
"""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer
from rich.cells import cell_len
from rich.console import Console
from sqlalchemy import insert

from jobs.heartbeat import Heartbeat
from jobs.storage.schema import rejection_counts, rejections
from receiver.cli.app import app
from receiver.config.logging import wrapped_lines
from receiver.terminal.layout import wrapped_command
from receiver.terminal.output import PIPED_WIDTH, Output
from tests.receiver.cli.conftest import Installation
from tests.support.cli import CliRunner
from tests.support.rows import START, Rows
from tests.support.terminal import be_terminal, unstyled

WIDTHS = (60, 80, 120, 200)
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]

LONG = "source-with-a-name-of-sixty-four-characters-which-is-the-longest"
FAILED = "0198f2c4-5f7b-7c3e-9f55-0c6bd5a1f2d0"
BILLED = "0198f2c4-5f7b-7c3e-9f55-0c6bd5a1f2d1"
REVERSED = "0198f2c4-5f7b-7c3e-9f55-0c6bd5a1f2d2"
LINE = "0198f2c4-5f7b-7c3e-9f55-0c6bd5a1f2e1"
CUSTOMER = "Ω-グローバル株式会社-customer-of-a-long-name"

#: How each command is run: once or in several ways. `{name}` stands for a file of the test.
RUNS: dict[str, list[str]] = {
    "migrate": ["migrate"],
    "check": ["check", "check --against 10", "check {broken}"],
    "try": ["try zendesk {payload}", f"try zendesk {FAILED}"],
    "init": ["init {new}/folder --with zendesk"],
    "new": ["new desk --scheme hmac", "new zendesk"],
    "example": [f"example {FAILED}"],
    "send": ["send zendesk {payload} --url http://127.0.0.1:1/webhooks/zendesk"],
    "trigger": ["trigger", "trigger zendesk nothing"],
    "verify": ["verify zendesk --request {request}"],
    "schemes": ["schemes", "schemes stripe", "schemes hmac"],
    "pair": ["pair zendesk"],
    "deliveries": ["deliveries", "deliveries --source nothing"],
    "rejections": ["rejections"],
    "show": [f"show {FAILED}", f"show {BILLED}", f"show {LINE}", "show nothing"],
    "failures": ["failures"],
    "replay": ["replay --reason unmapped --dry-run", "replay --reason unmapped"],
    "discard": ["discard --reason unmapped --dry-run"],
    "reverse": [f"reverse {LINE} --note x --dry-run", f"reverse {LINE} --note x"],
    "reinstate": [f"reinstate {LINE} --note x --dry-run"],
    "events": ["events"],
    "actions": ["actions"],
    "exceptions": ["exceptions"],
    "status": ["status"],
    "doctor": ["doctor"],
    "sources": ["sources"],
    "rules": ["rules"],
    "purge": [shlex.join(["purge", "--customer", CUSTOMER, "--dry-run"])],
    "timezone": ["timezone", "timezone Asia/Tokyo --dry-run"],
    "revenue": ["revenue --by agent,customer,indicator,day"],
}
#: They run until they are stopped: their help, their table and their log lines are looked at.
SERVING = {"up", "serve", "work", "tail"}
#: It prints one JSON document, which stays as it is.
DATA = {"schema"}
#: What is printed as it came: bodies, and a fixture.
VERBATIM = {"example"}


async def _fill(rows: Rows) -> None:
    await rows.accepted(3)
    body = json.dumps({"state": "solved", "customer": "acme", "ticket": 1}).encode()
    detail = (
        'Rule solved, customer: the table "companies" has no key "4711" in'
        ' `lookup("companies", id(ticket.organization_id))`; add the key to tables/companies.yaml.'
    )
    await rows.failure("unmapped", detail, id=FAILED, body=body, rule="solved", held_back=2)
    for number in (1, 2):
        other = detail.replace("4711", f"{number}")
        await rows.failure("unmapped", other, source=LONG, rule="a-rule-of-a-source", body=b"{}")
    await rows.delivery(id=BILLED)
    charge = await rows.charge(
        delivery_id=BILLED, id=LINE, customer_id=CUSTOMER, micros=12_345_678_900_000
    )
    await rows.delivery(id=REVERSED, source=LONG)
    await rows.reversal(charge, delivery_id=REVERSED, currency="EUR", source=LONG)
    async with rows.database.write() as connection:
        await connection.execute(
            insert(rejections).values(
                id=REVERSED,
                at=START,
                source=LONG,
                cause="wrong-signature",
                detail="no signature matches: another secret, URL or body than was signed",
                remote="2001:db8:85a3:8d3:1319:8a2e:370:7348",
                header_names=["content-type", "x-zendesk-webhook-signature-timestamp"],
                body_bytes=1_048_576,
            )
        )
        counted = {"source": LONG, "cause": "wrong-signature", "count": 1, "last_at": START}
        await connection.execute(insert(rejection_counts).values(**counted))
    await Heartbeat(rows.database, role="serve", detail=dict).beat()


@pytest.fixture
def full(installed: Installation) -> Installation:
    installed.fill(_fill)
    installed.take_up()
    return installed


def _places(root: Path) -> dict[str, str]:
    found = {name: root / name for name in ("payload", "request", "broken", "new")}
    if not found["payload"].exists():
        found["payload"].write_text('{"state": "solved", "customer": "acme", "ticket": 1}')
        found["request"].write_text("POST /webhooks/zendesk HTTP/1.1\r\nHost: x\r\n\r\n{}")
        for folder in ("broken", "new"):
            found[folder].mkdir()
        broken = f"source: {LONG}\nverify: {{scheme: zendek}}\noutcomes: []\nunknown-key: x\n"
        (found["broken"] / "a.yaml").write_text(broken)
    return {name: str(path) for name, path in found.items()}


class Screens:
    """Terminals of all widths, and a pipe: whatever a command prints is printed on each of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._texts = {width: io.StringIO() for width in (*WIDTHS, PIPED_WIDTH)}
        self._is_printing = False
        for name in ("line", "verbatim", "command", "facts", "say", "table"):
            monkeypatch.setattr(Output, name, self._on_each(getattr(Output, name)))

    def _on_each(self, method: Callable[..., None]) -> Callable[..., None]:
        def on_each(out: Output, *given: Any, **named: Any) -> None:
            if self._is_printing:  # by a method of the same class
                method(out, *given, **named)
                return
            given = tuple(list(one) if isinstance(one, Iterator) else one for one in given)
            self._is_printing = True
            before = out._out, out.messages
            for width, text in self._texts.items():
                is_terminal = width != PIPED_WIDTH
                out._out = out.messages = Console(
                    file=text, width=width, force_terminal=is_terminal, color_system=None
                )
                method(out, *given, **named)
            out._out, out.messages = before
            self._is_printing = False

        return on_each

    def faults_of(self, command: list[str]) -> Iterator[str]:
        """What is wrong with what the command prints."""
        for text in self._texts.values():
            text.seek(0)
            text.truncate()
        _printed(command)
        words = set(_without_heads(self._texts[PIPED_WIDTH].getvalue()).split())
        assert words, command
        for width in WIDTHS:
            printed = self._texts[width].getvalue()
            if command[0] in VERBATIM:
                printed, words = printed.partition("}\n")[2], set()
            yield from (f"{width} {command}: {one}" for one in _faults(printed, width, words))


def _without_heads(printed: str) -> str:
    """What is printed but the names of columns, which a paragraph has for no empty cell."""
    lines = printed.splitlines()
    return "\n".join(
        line
        for line, below in zip(lines, [*lines[1:], ""], strict=True)
        if not below.startswith("─")
    )


def _printed(command: list[str]) -> str:
    structlog.reset_defaults()
    return unstyled(CliRunner().invoke(app, command).output)


def _faults(printed: str, width: int, words: Iterable[str]) -> Iterator[str]:
    """Lines that are too wide, and words that no line has whole."""
    lines = printed.splitlines()
    yield from (f"too wide: {line}" for line in lines if cell_len(line.rstrip()) > width)
    yield from (
        f"not whole: {word}"
        for word in words
        if cell_len(word) <= width - 2 and not any(word in line for line in lines)
    )


def test_every_command_is_looked_at() -> None:
    assert COMMANDS.keys() == RUNS.keys() | SERVING | DATA


def test_no_command_prints_wider_than_the_terminal(
    full: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    screens, places = Screens(monkeypatch), _places(tmp_path)
    runs = [run for name in RUNS for run in RUNS[name]]
    faults = [
        fault
        for run in runs
        for fault in screens.faults_of([word.format(**places) for word in shlex.split(run)])
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_list_is_as_wide_as_the_terminal_of_the_process(
    full: Installation, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    be_terminal(monkeypatch, width)
    faults = [*_faults(_printed(["deliveries"]), width, [FAILED, BILLED, "zendesk", "received"])]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("columns", "commands"),
    [(60, COMMANDS), (80, COMMANDS), (120, ["reverse"]), (200, ["reverse"])],
    ids=WIDTHS,
)
def test_help_is_no_wider_than_the_terminal_and_ends_with_two_examples(
    monkeypatch: pytest.MonkeyPatch, columns: int, commands: Iterable[str]
) -> None:
    be_terminal(monkeypatch, columns)
    faults = [*_faults(_printed(["--help"]), columns, [*COMMANDS, "--install-completion"])]
    for name in commands:
        names = [
            word
            for parameter in COMMANDS[name].params
            for word in parameter.opts
            if word.startswith("--")
        ]
        printed = _printed([name, "--help"])
        faults += [f"{name}: {one}" for one in _faults(printed, columns, names)]
        joined = " ".join(printed.replace("\\\n", "").partition("\nExamples:\n")[2].split())
        assert joined == " ".join(" ".join(COMMANDS[name].examples).split())
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_help_are_taken_by_the_parser(name: str) -> None:
    assert len(set(COMMANDS[name].examples)) == 2
    for example in COMMANDS[name].examples:
        words = shlex.split(example.partition(" > ")[0])
        command = words.index("receiver")
        assert words[command + 1] == name
        COMMANDS[name].make_context(name, words[command + 2 :])


@pytest.mark.parametrize("width", WIDTHS)
def test_a_command_that_is_broken_is_the_same_command(width: int) -> None:
    command = shlex.join(
        ["receiver", "replay", "--source", LONG, "--rule", "won; rm -rf", "--note", "x" * 150]
    )
    lines = list(wrapped_command(command, width, indent=2))
    assert all(cell_len(line) <= width for line in lines)
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(command)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_log_line_is_broken_between_words(width: int) -> None:
    line = (
        f"2026-11-28T07:23:37Z [\x1b[32minfo\x1b[0m] mappings.loaded  sources=['{LONG[:40]}'] " * 3
    )
    lines = wrapped_lines(line, width)
    assert all(cell_len(unstyled(one)) <= width for one in lines.splitlines())
    assert unstyled(lines).split() == unstyled(line).split()


def test_pipes_get_whole_lines(full: Installation) -> None:
    lines = _printed(["deliveries"]).splitlines()
    (line,) = [line for line in lines if line.startswith(FAILED)]
    assert "add the key to tables/companies.yaml." in line
    assert "\x1b" not in "".join(lines)
