"""Names in filters that nothing has: misspelt, and not an empty list that ends well.

Owns that refusal, one way for API and command line. A source or a rule whose mapping is gone is
known by its records and stays good.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from jobs.common.errors import FilterInvalid
from jobs.queries.names import COLUMNS, all_known, is_known
from jobs.queries.sources.rejections import known_to_rejections
from jobs.storage.database import Database
from mappings.engine.common.currencies import DECIMALS
from mappings.engine.common.suggest import hint
from mappings.engine.loading.mapping_set import MappingSet
from receiver.health.metrics import UNKNOWN
from receiver.signatures import CAUSES

#: Kinds that the mappings name whether or not anything came of them.
MAPPED = ("source", "rule")
#: What the API refuses. A customer is known once something was billed for it: a program that asks
#: before that, and is told of nothing, has misspelt nothing.
OF_API = (*MAPPED, "agent", "indicator", "currency")
#: Causes of rejections that no scheme has.
_OTHER_CAUSES = (
    *("unknown-source", "unknown-path", "method-not-allowed", "compressed-body", "body-too-large"),
    *("too-slow", "disconnected", "no-mapping", "no-room", "too-many-large", "not-committed"),
    *("not-redactable", "ended-secret"),
)


async def unrecorded(
    database: Database, where: BaseModel, kinds: Iterable[str] = tuple(COLUMNS)
) -> dict[str, str]:
    """The names in the filter that no record has, by kind."""
    named = {kind: getattr(where, kind, None) for kind in kinds}
    return {
        kind: name
        for kind, name in named.items()
        if name is not None and not await is_known(database, kind, name)
    }


def refusal(kind: str, name: str, known: Iterable[str]) -> str:
    """That nothing has this name, and the nearest that something has."""
    unknown = f"there is no {kind}" if kind in MAPPED else f"nothing was billed for {kind}"
    return f"{unknown} {name[:80]!r}; {hint(name, sorted(known))}"


async def refuse_misspelt(database: Database, where: BaseModel, mappings: MappingSet) -> None:
    """Raise FilterInvalid for a name that neither the mappings, the prices nor the records have."""
    named = [kind for kind in OF_API if getattr(where, kind, None) is not None]
    unmapped = [kind for kind in named if getattr(where, kind) not in names_in(mappings, kind)]
    for kind, name in (await unrecorded(database, where, unmapped)).items():
        names = names_in(mappings, kind) | await all_known(database, kind)
        raise FilterInvalid(refusal(kind, name, names))


async def refuse_misspelt_rejections(
    database: Database, where: BaseModel, sources: Iterable[str]
) -> None:
    """The same for a filter of rejections: source and cause."""
    known_sources, known_causes = await known_to_rejections(database)
    for kind, names in (
        ("source", {*sources, *known_sources, UNKNOWN}),
        ("cause", {*CAUSES, *_OTHER_CAUSES, *known_causes}),
    ):
        name = getattr(where, kind, None)
        if name is None or name in names:
            continue
        if kind != "source" or not await is_known(database, kind, name):
            raise FilterInvalid(f"there is no {kind} {name[:80]!r}; {hint(name, sorted(names))}")


def names_in(mappings: MappingSet, kind: str) -> set[str]:
    """The names of that kind that the mappings and prices have, and of currencies all there are."""
    if kind == "source":
        return {*mappings.sources, *mappings.unusable}
    if kind == "rule":
        return {rule.name for source in mappings.sources.values() for rule in source.rules}
    agents = mappings.catalogue.agents if mappings.catalogue else {}
    if kind == "agent":
        return set(agents)
    if kind == "indicator":
        return {name for agent in agents.values() for name in agent.known()}
    return set(DECIMALS) if kind == "currency" else set()
