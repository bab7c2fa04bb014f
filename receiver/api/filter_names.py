"""Names in filters that nothing has: refused with the nearest, where the list would be empty.

Owns that refusal, one way for API and command line. A source or a rule whose mapping is gone is
known by its records and stays good.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobs.common.errors import FilterInvalid
from jobs.filters import Filter, RejectionFilter
from jobs.intake.rejections import UNKNOWN_SOURCE
from jobs.queries.names import COLUMNS, REJECTED_SOURCE, all_known, is_known
from jobs.storage.database import Database
from mappings.engine.common.currencies import DECIMALS
from mappings.engine.common.suggest import hint
from mappings.engine.loading.mapping_set import MappingSet
from receiver.signatures import CAUSES

#: Filters that name what was billed.
_BILLED = ("agent", "customer", "indicator", "currency")
#: Causes of rejections that no scheme has.
_OTHER_CAUSES = (
    *("unknown-source", "unknown-path", "method-not-allowed", "compressed-body", "body-too-large"),
    *("too-slow", "disconnected", "no-mapping", "no-room", "too-many-large", "not-committed"),
    *("not-redactable", "ended-secret"),
)
#: Names that are known without any mapping or record.
_ALWAYS = {
    "cause": (*CAUSES, *_OTHER_CAUSES),
    "currency": tuple(DECIMALS),
    REJECTED_SOURCE: (UNKNOWN_SOURCE,),
}


async def refuse_misspelt(
    database: Database, where: Filter, mappings: MappingSet | None, *, strict: bool = False
) -> None:
    """Raise FilterInvalid for a name that neither the mappings, the prices nor the records have.

    Strict: agents, customers, indicators and currencies are those that were billed. A program may
    ask for one before that.
    """
    for field, name in named_in(where).items():
        if field == "customer" and not strict:
            continue
        is_rejected = field == "source" and isinstance(where, RejectionFilter)
        kind = REJECTED_SOURCE if is_rejected else field
        names = set() if strict and field in _BILLED else _names_in(mappings, kind)
        if name not in names and not await is_known(database, kind, name):
            raise FilterInvalid(refusal(field, name, names | await all_known(database, kind)))


def named_in(where: Filter) -> dict[str, str]:
    """The names in the filter, by field."""
    given = {field: getattr(where, field, None) for field in COLUMNS}
    return {field: name for field, name in given.items() if name is not None}


def refusal(field: str, name: str, known: Iterable[str]) -> str:
    """That nothing has this name, and the nearest that something has."""
    unknown = "nothing was billed for" if field in _BILLED else "there is no"
    return f"{unknown} {field} {name[:80]!r}; {hint(name, sorted(known))}"


def _names_in(mappings: MappingSet | None, kind: str) -> set[str]:
    """The names of that kind that need no record: those of the mappings, the prices, the code."""
    names = set(_ALWAYS.get(kind, ()))
    if mappings is None:
        return names
    agents = mappings.catalogue.agents if mappings.catalogue else {}
    sources = {*mappings.sources, *mappings.unusable}
    mapped: dict[str, set[str]] = {
        "source": sources,
        REJECTED_SOURCE: sources,
        "rule": {rule.name for source in mappings.sources.values() for rule in source.rules},
        "agent": set(agents),
        "indicator": {name for agent in agents.values() for name in agent.known()},
    }
    return names | mapped.get(kind, set())
