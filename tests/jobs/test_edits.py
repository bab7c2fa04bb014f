"""Edits of mapping files after rules have billed: each process judges them alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jobs.heartbeat import mappings_health
from jobs.mapping_store import accept, mappings_in_force, read_stored
from jobs.mapping_watch import MappingsRefused, MappingWatch
from jobs.replays.items import note_results
from jobs.settling.settle import Settler
from jobs.storage.schema import billed_rules, mapping_set, rekeyings
from mappings.engine.loading.load import MappingSet, load, read_directory
from receiver.signatures import RULES
from tests.jobs.test_mapping_watch import FILES, edit, rejected, remembered, watch_on, write
from tests.jobs.workshop import Workshop

OLD, NEW = "once_per: ${{ id(event.id) }}", "once_per: ${{ id(event.company) }}"
REKEYED = f"rekeyed: true\n    {NEW}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mappings"
    for name, content in FILES.items():
        write(folder, name, content)
    return folder


@pytest.fixture
async def watch(workshop: Workshop, folder: Path) -> MappingWatch:
    """The worker's, on good files."""
    watch = watch_on(workshop, folder)
    await watch.start()
    return watch


async def bill(workshop: Workshop, watch: MappingWatch, *tickets: int, source: str = "crm") -> None:
    """Settle a solved ticket each by the mappings that the watch has in force."""
    settler = Settler(
        workshop.new_database(),
        lambda: watch.current,
        note_results=note_results,
        on_outdated=watch.reconsider,
        loops=1,
    )
    await settler.start()
    try:
        for ticket in tickets:
            body = json.dumps({"id": ticket, "status": "solved", "company": 7}).encode()
            (delivery,) = await workshop.post(body, source=source)
            await settler.settle([delivery])
    finally:
        await settler.close()


def once_per(current: MappingSet, source: str = "crm") -> str:
    (field,) = current.sources[source].rules[0].once_per or ()
    return field.template.text


async def test_an_edit_of_what_has_billed_is_refused_and_its_source_goes_on(
    watch: MappingWatch, workshop: Workshop, folder: Path, logs: list[Any]
) -> None:
    """As `check` refuses it, loud, and without holding up a neighbour's edit of that moment."""
    await bill(workshop, watch, 1)
    edit(folder, "crm.yaml", OLD, NEW)
    edit(folder, "desk.yaml", OLD, NEW)
    await watch._look()
    assert once_per(watch.current) in OLD
    assert once_per(watch.current, "desk") in NEW
    (problem,) = rejected(logs)
    stored = await read_stored(workshop.database)
    checked = load(read_directory(folder), timezone="UTC", schemes=RULES, history=stored.history)
    assert [problem] == [str(problem) for problem in checked.problems]
    assert problem.startswith("crm.yaml:10:15: The once_per of `resolved`, which has billed, was ")
    health = mappings_health(watch.current, timezone="UTC")
    assert (health["stale"], health["rejected"]) == (["crm.yaml"], [problem])
    assert (await remembered(workshop))["crm.yaml"] == FILES["crm.yaml"]
    edit(folder, "crm.yaml", NEW, OLD)
    await watch._look()
    assert (watch.current.problems, watch.current.stale) == ((), frozenset())


async def test_a_restart_refuses_it_too_and_a_strict_one_does_not_start(
    watch: MappingWatch, workshop: Workshop, folder: Path
) -> None:
    await bill(workshop, watch, 1)
    edit(folder, "crm.yaml", OLD, NEW)
    current = await watch_on(workshop, folder).start()
    assert once_per(current) in OLD
    assert current.stale == {"crm.yaml"}
    with pytest.raises(MappingsRefused, match="which has billed"):
        await watch_on(workshop, folder).start(strict=True)


async def test_the_file_of_a_source_that_has_billed_may_be_moved_and_not_removed(
    watch: MappingWatch, workshop: Workshop, folder: Path
) -> None:
    await bill(workshop, watch, 1)
    (folder / "crm.yaml").rename(folder / "sales.yaml")
    for _ in range(2):
        await watch._look()
    assert (watch.current.problems, watch.current.sources["crm"].file) == ((), "sales.yaml")
    (folder / "sales.yaml").unlink()
    for _ in range(2):
        await watch._look()
    (problem,) = watch.current.problems
    assert str(problem).startswith("sales.yaml: Source `crm` has billed and is gone.")
    assert watch.current.stale == {"sales.yaml"}
    assert "sales.yaml" in await remembered(workshop)
    assert "crm" in (await watch_on(workshop, folder).start()).sources


async def test_a_rekeying_that_is_meant_is_kept_when_its_word_is_taken_out(
    watch: MappingWatch, workshop: Workshop, folder: Path
) -> None:
    await bill(workshop, watch, 1)
    edit(folder, "crm.yaml", OLD, REKEYED)
    await watch._look()
    edit(folder, "crm.yaml", REKEYED, NEW)
    await watch._look()
    assert (watch.current.problems, once_per(watch.current) in NEW) == ((), True)
    assert len(await workshop.all(select(rekeyings))) == 1
    await bill(workshop, watch, 2)
    edit(folder, "crm.yaml", NEW, OLD)
    await watch._look()
    assert "was, since `rekeyed: true`" in str(watch.current.problems[0])
    assert once_per(await watch_on(workshop, folder).start()) in NEW
    in_force = await mappings_in_force(workshop.database, timezone="UTC", schemes=RULES)
    assert once_per(in_force) in NEW


async def test_the_old_text_put_back_before_the_new_one_has_billed_withdraws_it(
    watch: MappingWatch, workshop: Workshop, folder: Path
) -> None:
    await bill(workshop, watch, 1)
    for old, new in ((OLD, REKEYED), (REKEYED, OLD), (OLD, NEW)):
        edit(folder, "crm.yaml", old, new)
        await watch._look()
    assert await workshop.all(select(rekeyings)) == []
    assert watch.current.stale == {"crm.yaml"}


async def test_an_edit_that_was_judged_before_the_first_charge_is_judged_again(
    watch: MappingWatch, workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker bills between the web process's judgement and its acceptance."""
    web = watch_on(workshop, folder)
    await web.start()
    judged = []

    async def billing_meanwhile(*given: Any) -> bool:
        judged.append(given[2])
        if len(judged) == 1:
            await bill(workshop, watch, 1)
        return await accept(*given)

    monkeypatch.setattr("jobs.mapping_watch.accept", billing_meanwhile)
    edit(folder, "crm.yaml", OLD, NEW)
    await web._look()
    assert [one.problems == () for one in judged] == [True, False]
    await watch._look()
    assert once_per(web.current) == once_per(watch.current)
    assert once_per(web.current) in OLD
    assert web.current.digest == watch.current.digest


async def test_a_worker_behind_an_accepted_edit_bills_nothing_for_the_first_time(
    watch: MappingWatch, workshop: Workshop, folder: Path
) -> None:
    """It settles by the accepted text once it has looked, and by that alone."""
    web = watch_on(workshop, folder)
    await web.start()
    edit(folder, "crm.yaml", OLD, NEW)
    await web._look()
    await bill(workshop, watch, 1)
    assert await workshop.all(select(billed_rules)) == []
    assert await workshop.ledgers() == {}
    await watch._look()
    await bill(workshop, watch, 2)
    assert list(await workshop.ledgers()) == ['["crm","resolved","7"]']
    assert once_per(watch.current) == once_per(web.current)


async def test_a_process_with_a_folder_of_its_own_bills_once_its_files_are_accepted(
    watch: MappingWatch, workshop: Workshop, folder: Path, tmp_path: Path
) -> None:
    """Its own text is judged again, rather than kept waiting for a file that never comes."""
    for name, content in FILES.items():
        write(tmp_path / "other", name, content)
    edit(tmp_path / "other", "crm.yaml", OLD, NEW)
    other = watch_on(workshop, tmp_path / "other")
    await other.start()
    await bill(workshop, watch, 1)
    await watch._look()
    await bill(workshop, watch, 2)
    assert list(await workshop.ledgers()) == ['["crm","resolved","2"]']
    write(tmp_path / "other", "crm.yaml", (tmp_path / "other/crm.yaml").read_text() + "\n")
    await other._look()
    assert "which has billed" in str(other.current.problems[0])


async def test_the_version_in_force_is_recorded_and_moves_with_each_edit(
    watch: MappingWatch, workshop: Workshop, folder: Path
) -> None:
    first = watch.current.digest
    edit(folder, "crm.yaml", OLD, NEW)
    await watch.look_now()
    rows = await workshop.all(select(mapping_set))
    assert [(row.version, row.generation) for row in rows] == [(watch.current.digest, 2)]
    assert watch.current.digest != first
    await watch_on(workshop, folder).start()
    assert await workshop.all(select(mapping_set)) == rows


async def test_no_edit_is_put_in_force_while_the_set_is_held(
    watch: MappingWatch, folder: Path
) -> None:
    before = watch.current
    with watch.held():
        edit(folder, "crm.yaml", OLD, NEW)
        assert await watch.look_now() is before
    assert once_per(await watch.look_now()) in NEW


async def test_a_look_between_two_does_not_take_a_file_for_removed(
    watch: MappingWatch, folder: Path
) -> None:
    (folder / "desk.yaml").unlink()
    await watch._look()
    assert "desk" in (await watch.look_now()).sources
    await watch._look()
    assert "desk" not in watch.current.sources
