"""The points at which a process is killed, read off the source: no one keeps a list of them.

A site is a place in the code where something is made to last or said: a transaction that writes
commits, a ring is enqueued, an answer is sent, a job of the queue is taken up and done with. Each
has its moments, right before and right after. A site is named for the function that is at it; a
transaction opened by a private function of a module counts once for each function that calls it.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]

#: The moments of a site of each kind, in order, in words.
MOMENTS = {
    "commit": {"before": "before its COMMIT", "after": "after its COMMIT"},
    "enqueue": {"before": "before the ring is in Redis", "after": "after it"},
    "answer": {"before": "before the answer is sent", "after": "after it"},
    "job": {
        "before": "the job is claimed and not begun",
        "done": "it is done and not acknowledged to Redis",
        "after": "Redis has forgotten it",
    },
}
#: What answers a webhook; called nowhere else but in the endpoint.
ANSWERING = ("receiver.web.endpoint", {"respond", "refuse"})


@dataclass(frozen=True, slots=True)
class Call:
    """A call in the source: the function it stands in, by its qualified name, and its lines."""

    module: str
    owner: str
    first_line: int
    last_line: int

    def is_at(self, frame: FrameType) -> bool:
        """Whether this frame is making the call."""
        return (
            frame.f_globals.get("__name__") == self.module
            and frame.f_code.co_qualname == self.owner
            and self.first_line <= frame.f_lineno <= self.last_line
        )


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """A place where something is made to last or said."""

    kind: str
    place: str
    call: Call = field(compare=False)

    def is_at(self, frame: FrameType) -> bool:
        """Whether the frame that makes the call does so for this site."""
        if not self.call.is_at(frame):
            return False
        found: FrameType | None = frame
        while found is not None and found.f_globals.get("__name__") == self.call.module:
            if self.place.partition("#")[0] == f"{self.call.module}:{found.f_code.co_qualname}":
                return True
            found = found.f_back
        return False

    def __str__(self) -> str:
        return f"{self.kind} in {self.place}"


def sites(root: Path = ROOT) -> list[Site]:
    """Every site of the product, sorted."""
    return sorted(
        site
        for package in ("jobs", "receiver")
        for path in sorted((root / package).rglob("*.py"))
        for site in sites_in(_module_of(path.relative_to(root)), path.read_text("utf-8"))
    )


def site(kind: str, place: str, root: Path = ROOT) -> Site:
    """The one of that kind and place; LookupError where the code has none."""
    module = place.partition(":")[0]
    path = root / (module.replace(".", "/") + ".py")
    if not path.exists():
        path = root / module.replace(".", "/") / "__init__.py"
    for found in sites_in(module, path.read_text("utf-8")):
        if (found.kind, found.place) == (kind, place):
            return found
    raise LookupError(f"the code has no {kind} in {place}")


def sites_in(module: str, source: str) -> list[Site]:
    """The sites of one module."""
    tree = ast.parse(source)
    calls = list(_calls(tree.body, ()))
    found: list[Site] = []
    for kind in ("commit", "enqueue", "answer"):
        here = [(owner, call) for owner, call in calls if _kind_of(module, call) == kind]
        for (owner, call), suffix in zip(here, _suffixes(owner for owner, _ in here), strict=True):
            at = Call(module, owner, call.lineno, call.end_lineno or call.lineno)
            names = _on_whose_behalf(owner, calls) if kind == "commit" else {owner}
            found += [Site(kind, f"{module}:{name}{suffix}", at) for name in sorted(names)]
    return found + list(_jobs(module, calls))


def _module_of(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _calls(body: Iterable[ast.AST], names: tuple[str, ...]) -> Iterator[tuple[str, ast.Call]]:
    """Each call with the qualified name of the function it stands in."""
    for node in body:
        inner = names
        if isinstance(node, ast.Call):
            yield ".".join(names).removesuffix(".<locals>"), node
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner = (*names, node.name, "<locals>")
        elif isinstance(node, ast.ClassDef):
            inner = (*names, node.name)
        yield from _calls(ast.iter_child_nodes(node), inner)


def _kind_of(module: str, call: ast.Call) -> str | None:
    if isinstance(call.func, ast.Attribute):
        if call.func.attr == "write" and not call.args and not call.keywords:
            return "commit"
        if call.func.attr == "enqueue_job":
            return "enqueue"
        if call.func.attr == "send" and module == ANSWERING[0]:
            return "answer"
    if isinstance(call.func, ast.Name) and module == ANSWERING[0] and call.func.id in ANSWERING[1]:
        return "answer"
    return None


def _suffixes(owners: Iterable[str]) -> list[str]:
    """`#1`, `#2` … for functions with several such calls, nothing for the others."""
    owners = list(owners)
    many, so_far = Counter(owners), Counter[str]()
    suffixes = []
    for owner in owners:
        so_far[owner] += 1
        suffixes.append(f"#{so_far[owner]}" if many[owner] > 1 else "")
    return suffixes


def _on_whose_behalf(owner: str, calls: list[tuple[str, ast.Call]]) -> set[str]:
    """The function itself; for a private one of the module those that call it, over and over."""
    if "." in owner or not owner.startswith("_"):
        return {owner}
    callers = {
        caller
        for caller, call in calls
        if isinstance(call.func, ast.Name) and call.func.id == owner and caller != owner
    }
    return {found for one in callers for found in _on_whose_behalf(one, calls)} or {owner}


def _jobs(module: str, calls: list[tuple[str, ast.Call]]) -> Iterator[Site]:
    """The methods given to arq as its jobs: `func(self._method, …)`."""
    for owner, call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == "func":
            for node in ast.walk(call.args[0]):
                if isinstance(node, ast.Attribute):
                    at = Call(module, owner, call.lineno, call.end_lineno or call.lineno)
                    yield Site("job", f"{module}:{owner.split('.')[0]}.{node.attr}", at)
