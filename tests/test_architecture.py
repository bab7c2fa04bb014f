"""The arrows between the packages, read off the source itself: function-level imports count too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"

#: What each package may import of the project: `receiver -> jobs -> mappings`, never back.
ALLOWED = {
    "mappings": {"mappings"},
    "jobs": {"jobs", "mappings"},
    "receiver": {"receiver", "jobs", "mappings"},
}
#: The only modules that may know that the doorbell is arq.
ARQ_MODULES = {"jobs/queue/doorbell.py", "jobs/queue/consumer.py"}
#: What would let a mapping depend on anything but its input.
IMPURE = {
    "aiosqlite",
    "asyncio",
    "asyncpg",
    "httpx",
    "multiprocessing",
    "random",
    "redis",
    "secrets",
    "select",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "ssl",
    "starlette",
    "subprocess",
    "threading",
    "time",
    "uuid_utils",
}
#: Calls that read a clock although their module is harmless.
CLOCK_CALLS = {"now", "today", "utcnow"}
PURE_PLACES = ("mappings/", "receiver/signatures/")
#: Bounds what a pure computation may take, by a process of its own; knows nothing of mappings.
BOUNDING = "mappings/engine/common/confined.py"

#: Where rooms are looked for: the folders below, and the modules beside them, are the nodes.
FLOORS = ("receiver", "jobs", "mappings/engine")
#: What is run by its name and so imported by nothing: entry points, Alembic's, the CLI's commands.
RUN_BY_NAME = ("receiver/__main__.py", "jobs/storage/migrations/", "receiver/cli/")


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module named by an import anywhere in the tree, relative ones as written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant))


def broken_rules(path: str, source: str) -> list[str]:
    """What the module at `path` (relative, posix) does that its place forbids."""
    tree = ast.parse(source, filename=path)
    package = path.partition("/")[0]
    tops = {name: name.split(".")[0] for name in imported(tree)}
    found = [
        f"{path} imports {name}: {package} may not know {top}"
        for name, top in tops.items()
        if top in ALLOWED and top not in ALLOWED[package]
    ]
    found += [
        f"{path} imports {name}: relative imports hide which way an arrow points"
        for name in tops
        if name.startswith(".")
    ]
    if path not in ARQ_MODULES:
        found += [
            f"{path} imports {name}: arq stays in {sorted(ARQ_MODULES)}"
            for name, top in tops.items()
            if top == "arq"
        ]
    if path.startswith(PURE_PLACES) and path != BOUNDING:
        found += [
            f"{path} imports {name}: no socket, clock, process or database here"
            for name, top in tops.items()
            if top in IMPURE
        ]
        found += [
            f"{path}:{node.lineno} calls {ast.unparse(node.func)}: time is an argument here"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in CLOCK_CALLS
            and ast.unparse(node.func.value).split(".")[-1] in {"date", "datetime"}
        ]
    return found


def modules() -> list[Path]:
    return sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))


def test_arrows_point_one_way_and_arq_and_clocks_stay_where_they_belong() -> None:
    broken = [
        rule
        for path in modules()
        for rule in broken_rules(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    ]
    assert broken == []


def room(floor: str, name: str) -> str | None:
    """The folder or loose module of `floor` that the module `name` is in; None: not on it."""
    below = name.removeprefix(floor.replace("/", ".") + ".")
    return None if below == name else below.split(".")[0]


def imported_modules(path: Path) -> Iterator[str]:
    """The modules that the module at `path` imports, `from folder import module` included."""
    tree = ast.parse(path.read_text("utf-8"))
    yield from imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in names if is_module(name))


def is_module(name: str) -> bool:
    place = ROOT / name.replace(".", "/")
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def name_of(path: Path) -> str:
    """The dotted name of the module at `path`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows(floor: str) -> dict[str, set[str]]:
    """What each room of a floor imports of the other rooms, wherever the import stands."""
    known: dict[str, set[str]] = {}
    for path in (ROOT / floor).rglob("*.py"):
        here = room(floor, name_of(path))
        if here is not None:
            rooms = {room(floor, name) for name in imported_modules(path)}
            known.setdefault(here, set()).update(other for other in rooms if other)
    return {here: others - {here} for here, others in known.items()}


def loops(known: dict[str, set[str]]) -> set[str]:
    """The rooms that import themselves by way of others."""
    reached = {here: set(direct) for here, direct in known.items()}
    for _ in reached:
        for ways in reached.values():
            ways |= {further for way in ways for further in reached.get(way, ())}
    return {here for here, ways in reached.items() if here in ways}


@pytest.mark.parametrize("floor", FLOORS)
def test_no_room_imports_itself_by_way_of_others(floor: str) -> None:
    assert loops(arrows(floor)) == set()


def test_no_module_is_imported_by_nothing() -> None:
    known = {name for path in modules() for name in imported_modules(path)}
    lonely = [path for path in modules() if path.stem != "__init__" and name_of(path) not in known]
    paths = [path.relative_to(ROOT).as_posix() for path in lonely]
    assert [path for path in paths if not path.startswith(RUN_BY_NAME)] == []
    commands = {path.stem.strip("_") for path in lonely if path.parent.name == "cli"}
    assert commands <= {name for names in COMMANDS.values() for name in names}


def test_a_loop_is_found_whatever_its_length() -> None:
    assert loops({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == {"a", "b", "c"}


def test_the_map_names_only_what_exists() -> None:
    named = re.findall(
        r"`((?:receiver|jobs|mappings|tests|docs)/[\w/.]+)`", PAGE.read_text("utf-8")
    )
    assert len(named) > 40
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_map_has_every_room() -> None:
    text = PAGE.read_text("utf-8")
    rooms = {(floor, here) for floor in FLOORS for here in arrows(floor)}
    assert {
        (floor, here) for floor, here in rooms if not re.search(rf"`{here}(/|\.py)`", text)
    } == set()


def test_every_package_is_looked_at() -> None:
    seen = {path.relative_to(ROOT).parts[0] for path in modules()}
    assert seen == set(ALLOWED)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        pytest.param("mappings/a.py", "import jobs", id="mappings-knows-jobs"),
        pytest.param("mappings/a.py", "from receiver.app import x", id="mappings-knows-receiver"),
        pytest.param("jobs/a.py", "def f():\n    import receiver.app", id="inside-a-function"),
        pytest.param(
            "jobs/a.py", "import importlib\nimportlib.import_module('receiver')", id="late"
        ),
        pytest.param("jobs/a.py", "from ..receiver import app", id="relative"),
        pytest.param(
            "jobs/settling/settle.py", "from arq import Retry", id="arq-beyond-its-modules"
        ),
        pytest.param("receiver/app.py", "import arq.connections", id="arq-in-receiver"),
        pytest.param("mappings/a.py", "import time", id="clock"),
        pytest.param("mappings/a.py", "from datetime import datetime\ndatetime.now()", id="now"),
        pytest.param(
            "receiver/signatures/a.py", "import datetime as d\nd.datetime.utcnow()", id="utc"
        ),
        pytest.param(
            "mappings/a.py", "if TYPE_CHECKING:\n    from sqlalchemy import x", id="typing"
        ),
    ],
)
def test_a_broken_rule_is_found(path: str, source: str) -> None:
    assert broken_rules(path, source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        pytest.param(
            "jobs/queue/doorbell.py", "from arq import create_pool", id="ringing-knows-arq"
        ),
        pytest.param(
            "receiver/app.py",
            "import jobs.intake.group_commit, mappings.engine.loading.load, time",
            id="downwards",
        ),
        pytest.param("mappings/a.py", "from datetime import UTC, datetime", id="times-as-values"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert broken_rules(path, source) == []
