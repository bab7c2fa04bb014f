"""docs/tutorial.md, followed command by command.

Owns what a page's blocks mean: `sh` is typed, the `text` behind it is what is shown, a `yaml` block
that begins with `# FILE` is an edit of that file: each line takes the place of the line that begins
with the same key, or is added. `python -m tests.support.tutorial` writes the outputs into the page.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from mappings.engine.loading.load import load, read_directory
from receiver.config.env_file import read_env_file
from receiver.signatures import RULES
from tests.support import warm
from tests.support.markdown import ROOT, Page
from tests.support.processes import Process, free_port
from tests.support.service import RECEIVER

PAGE = Page(ROOT / "docs" / "tutorial.md")
COLUMNS = 100
UP = "receiver up"
_BLOCK = re.compile(r"^```(sh|yaml|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"<<(\w+)$")
_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_PORT = re.compile(r"(?<=http://127\.0\.0\.1:)\d+")
#: A bar that is gone once the work is done.
_PASSING = "settling again"
#: What differs from run to run, as it stands in the page, by what it looks like.
_DIFFERS = (
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "uuid"),
    (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)", "moment"),
    (r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ", "time"),
    (r"\b20\d\d-\d\d-\d\d\b", "date"),
    (r"\b[0-9a-f]{12}\b", "hash"),
    (r"\b\d{12,}\b", "number"),
)


@dataclass
class Tutorial:
    """A walk through the page in an empty directory."""

    root: Path
    process: Process | None = None

    def __post_init__(self) -> None:
        self.directory = self.root
        self.environment = {
            "PATH": f"{Path(RECEIVER[0]).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.root),
            "COLUMNS": str(COLUMNS),
            "NO_COLOR": "1",
            "TTY_COMPATIBLE": "1",
        }

    def follow(self) -> Iterator[tuple[str, str, str]]:
        """The commands of each block, what the page shows of them, and what they show."""
        commands, shown = "", ""
        for _, language, text in (found.group(0, 1, 2) for found in _BLOCK.finditer(PAGE.text)):
            if language == "text":
                yield commands, text, shown
            elif language == "sh":
                commands = text
                shown = self._type(text)
            else:
                self._edit(text)

    def close(self) -> None:
        if self.process is not None and self.process.is_alive():
            self.process.press_ctrl_c()
            assert self.process.wait() == 0

    def _type(self, text: str) -> str:
        return "".join(self._command(one) for one in _commands(text))

    def _command(self, line: str) -> str:
        if line == UP:
            return self._up()
        if line.startswith("cd "):
            self.directory /= line.removeprefix("cd ")
            return ""
        words = shlex.split(line.partition("\n")[0])
        if words[0] != "receiver":
            subprocess.run(
                ["sh", "-ec", line], check=True, env=self.environment, cwd=self.directory
            )
            return ""
        _, out, _ = warm.run(
            words[1:],
            environment=self.environment,
            directory=self.directory,
            given=b"",
            seconds=60,
            is_merged=True,
        )
        if words[1] in ("send", "trigger"):
            self._wait_until_settled()
        return self._as_shown(out.decode())

    def _wait_until_settled(self) -> None:
        """As long as a person takes to type the next command."""
        assert self.process is not None
        [url] = set(re.findall(r"receiver is up at (\S+);", self.process.output()))
        token = read_env_file(self.directory / ".env")["RECEIVER_ADMIN_TOKEN"]
        headers = {"authorization": f"Bearer {token}"}

        def is_settled() -> bool:
            answer = httpx.get(f"{url}/api/status", headers=headers, trust_env=False)
            return bool(answer.raise_for_status().json()["received"] == 0)

        self.process.wait_until(is_settled, what="settling")

    def _up(self) -> str:
        self.process = Process(
            [*RECEIVER, "up"],
            log=self.root / "up.log",
            environment={**self.environment, "RECEIVER_PORT": str(free_port())},
            directory=self.directory,
            own_group=True,
        )
        self.process.wait_for_output("receiver is up at", seconds=60)
        lines = self._as_shown(self.process.output()).splitlines(keepends=True)
        return "".join(line for line in lines if line.startswith(("receiver is up", "throw-away")))

    def _edit(self, text: str) -> None:
        """Write the lines into the file, and wait until the service has them in force."""
        name, *lines = text.splitlines(keepends=True)
        path = self.directory / name.removeprefix("# ").strip()
        content = path.read_text().splitlines(keepends=True)
        for line in lines:
            key = line.partition(":")[0]
            places = [i for i, one in enumerate(content) if one.partition(":")[0] == key]
            assert len(places) <= 1, f"{path.name} has {key!r} more than once"
            content[places[0] if places else len(content) :] = [
                line,
                *content[places[0] + 1 if places else len(content) :],
            ]
        path.write_text("".join(content))
        found = load(read_directory(self.directory / "mappings"), timezone="UTC", schemes=RULES)
        version = f'"version": "{found.digest[:12]}"'
        assert self.process is not None
        process = self.process
        process.wait_until(
            lambda: process.output().count(version) >= len(("web", "worker")),
            what=f"taking up {version}",
        )

    def _as_shown(self, text: str) -> str:
        """The text as it stays on a terminal: no styles, no bar that has passed."""
        lines = [(line, _STYLE.sub("", line).rstrip()) for line in text.splitlines()]
        kept = "".join(
            f"{plain}\n"
            for line, plain in lines
            if not plain.startswith(_PASSING) and (plain or not _STYLE.search(line))
        )
        kept = _PORT.sub("8080", kept.replace(str(self.directory), "~/acme"))
        return kept.strip("\n") + "\n"


def languages() -> list[str]:
    """The language of each block of the page, in order."""
    return [found[1] for found in _BLOCK.finditer(PAGE.text)]


def normal(text: str) -> str:
    """The text with what differs from run to run replaced by its kind.

    Where a line is broken depends on the place of the folder.
    """
    for pattern, kind in _DIFFERS:
        text = re.sub(pattern, kind, text)
    return re.sub(r"\s+", " ", text)


def _commands(text: str) -> Iterator[str]:
    """The commands of a block; one with a here-document has its lines with it."""
    lines = iter(text.splitlines())
    for line in lines:
        heredoc = _HEREDOC.search(line)
        if heredoc is None:
            yield line
            continue
        body = [line]
        for more in lines:
            body.append(more)
            if more == heredoc[1]:
                break
        yield "\n".join(body)


def rewrite() -> None:
    """Write what is shown now into the page."""
    with tempfile.TemporaryDirectory() as root:
        tutorial = Tutorial(Path(root))
        try:
            shown = [found for *_, found in tutorial.follow()]
        finally:
            tutorial.close()
    texts = iter(shown)

    def filled(block: re.Match[str]) -> str:
        text = next(texts) if block[1] == "text" else block[2]
        text = block[2] if normal(text) == normal(block[2]) else text
        return f"```{block[1]}\n{text}```"

    PAGE.path.write_text(_BLOCK.sub(filled, PAGE.text))


if __name__ == "__main__":
    rewrite()
