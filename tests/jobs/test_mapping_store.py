from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from jobs.mapping_store import EDITS_KEPT, NoMappingsInForce, mappings_before, mappings_in_force
from jobs.mapping_watch import MappingWatch
from jobs.privacy.ledger import erase_from_ledger
from jobs.storage.schema import replaced_texts
from mappings.engine.loading.load import MappingSet
from receiver.signatures import RULES
from tests.jobs.test_mapping_watch import BROKEN, FILES, amount, edit, write
from tests.jobs.workshop import Workshop

WITH_EXAMPLE = (
    FILES["crm.yaml"]
    + """\
examples:
  - {payload: examples/solved.json, outcomes: []}
"""
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mappings"
    for name, content in FILES.items():
        write(folder, name, content)
    return folder


async def in_force(workshop: Workshop) -> MappingSet:
    return await mappings_in_force(workshop.database, timezone="UTC", schemes=RULES)


async def test_a_database_without_a_recorded_set_is_refused(workshop: Workshop) -> None:
    with pytest.raises(NoMappingsInForce, match="no service has run on this database yet"):
        await in_force(workshop)


async def test_the_set_from_the_database_is_that_of_the_service(
    workshop: Workshop, folder: Path
) -> None:
    """The version is the same as well, with examples, tables and files that are bad now."""
    write(folder, "examples/solved.json", '{"id": 1, "status": "open"}')
    write(folder, "crm.yaml", WITH_EXAMPLE)
    watch = MappingWatch(workshop.new_database(), folder, timezone="UTC", schemes=RULES)
    await watch.start()
    write(folder, "desk.yaml", BROKEN)
    write(folder, "agents.yaml", BROKEN)
    await watch._look()
    found = await in_force(workshop)
    assert (found.problems, found.stale) == ((), frozenset())
    assert found.digest == watch.current.digest
    assert [amount(found, source) for source in ("crm", "desk")] == [990_000, 990_000]
    write(folder, "agents.yaml", FILES["agents.yaml"])
    edit(folder, "agents.yaml", "0.99", "1.25")
    await watch._look()
    after = await in_force(workshop)
    assert (amount(after), after.digest) == (1_250_000, watch.current.digest)
    assert after.digest != found.digest


async def test_a_price_that_is_gone_leaves_the_mapping_in_force(
    workshop: Workshop, folder: Path
) -> None:
    """The mapping file is bad by the edited catalogue; both processes serve its last good text."""
    watch = MappingWatch(workshop.new_database(), folder, timezone="UTC", schemes=RULES)
    await watch.start()
    edit(folder, "agents.yaml", "ticket-resolved", "ticket-closed")
    await watch._look()
    found = await in_force(workshop)
    assert watch.current.stale == {"crm.yaml", "desk.yaml"}
    assert found.digest == watch.current.digest
    assert found.sources.keys() == watch.current.sources.keys()


async def test_what_was_in_force_before_the_last_edit_is_kept(
    workshop: Workshop, folder: Path
) -> None:
    async def before() -> tuple[int | None, tuple[str, ...]] | None:
        found = await mappings_before(workshop.database, timezone="UTC", schemes=RULES)
        return (amount(found.mappings), found.files) if found is not None else None

    watch = MappingWatch(workshop.new_database(), folder, timezone="UTC", schemes=RULES)
    await watch.start()
    assert await before() is None
    edit(folder, "agents.yaml", "0.99", "1.25")
    await watch._look()
    assert await before() == (990_000, ("agents.yaml",))
    write(folder, "desk.yaml", FILES["desk.yaml"] + "# edited\n")
    edit(folder, "agents.yaml", "1.25", "1.50")
    await watch._look()
    assert await before() == (1_250_000, ("agents.yaml", "desk.yaml"))
    for cents in range(EDITS_KEPT + 1):
        edit(folder, "agents.yaml", f"1.{50 + cents}", f"1.{51 + cents}")
        await watch._look()
    async with workshop.database.read() as connection:
        kept = await connection.scalar(select(func.count()).select_from(replaced_texts))
    assert kept == EDITS_KEPT


async def test_a_purge_takes_what_was_in_force_before_if_it_names_the_customer(
    workshop: Workshop, folder: Path
) -> None:
    watch = MappingWatch(workshop.new_database(), folder, timezone="UTC", schemes=RULES)
    await watch.start()
    for text in ("# for globex-9\n", "# of others\n", "# of more\n"):
        write(folder, "crm.yaml", FILES["crm.yaml"] + text)
        await watch._look()
    await erase_from_ledger(workshop.database, "globex-9", actor="test", note=None)
    async with workshop.database.read() as connection:
        texts = [bytes(text) for text in await connection.scalars(select(replaced_texts.c.text))]
    assert [b"globex-9" in text for text in texts] == [False, False]
