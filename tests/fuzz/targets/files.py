"""Mapping files with anything in them: load() raises nothing, and each problem has its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mappings.engine.loading.load import load, read_directory
from receiver.signatures import RULES
from tests.fuzz.reading import Decisions, choice

SHIPPED = {
    name: text
    for name, text in read_directory(Path(__file__).parents[3] / "mappings").items()
    if name.endswith((".yaml", ".csv")) or name.startswith("examples/github-")
}
#: Those that one mapping needs: loading all costs more than it finds.
FILES = {
    name: text
    for name, text in SHIPPED.items()
    if name.startswith(("agents.yaml", "github.yaml", "tables/", "examples/github-"))
}
NAMES = sorted(name for name in FILES if not name.startswith("examples/"))
WHOLE, NEW = 15, 14
PIECES = (
    b"a: &x [*x]\n",
    b"? [a]\n: b\n",
    b"--- !!python/object:os.system\n",
    b"outcomes: [{when: 'true', when: 'false'}]\n",
    b"let: {a: b, b: a}\n",
    b"scheme: hmac\nalgorithm: md5\n",
    b'price: "1e400"\n',
    b"from: 9999-99-99\n",
)


def seeds() -> Iterator[bytes]:
    """Each file with something in it, and each piece as a file of its own."""
    for number, _name in enumerate(NAMES):
        yield choice(number, 1, 1, 0, 10, 0, 4) + b"\t: \n"
        yield from (choice(number, WHOLE) + piece for piece in PIECES)
    yield from (choice(0, NEW) + text for text in FILES.values() if len(text) < 4096)


def check(data: bytes) -> None:
    """Change a file as the bytes say, or put another in its place or beside it, and load all."""
    decisions = Decisions(data)
    name = decisions.one_of(NAMES)
    text, how = FILES[name], decisions.number(16)
    if how == WHOLE:
        text = decisions.rest()
    elif how == NEW:
        name, text = "new.yaml", decisions.rest()
    while not decisions.is_over:
        text = _spliced(text, decisions)
    result = load({**FILES, name: text}, timezone="UTC", schemes=RULES, last_good=FILES)
    for problem in result.problems:
        assert problem.message
        assert problem.remedy
        assert str(problem).encode("utf-8")


def _spliced(text: bytes, decisions: Decisions) -> bytes:
    """As `Decisions.spliced`, in a text that is longer than one byte counts."""
    start = int.from_bytes(decisions.take(2), "big") % (len(text) + 1)
    gone = decisions.number(32)
    return text[:start] + decisions.take(decisions.number(48)) + text[start + gone :]
