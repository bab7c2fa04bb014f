from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jobs.mapping_watch import MappingWatch
from jobs.storage.schema import mapping_files
from mappings.engine.loading.load import MappingSet
from mappings.engine.reasons import Reason
from mappings.engine.types import DeliveryInput, Mapped
from receiver.signatures import RULES
from tests.jobs.worker_parts import running, until
from tests.jobs.workshop import Workshop
from tests.support.postgres import Postgres

AGENTS = """
agents:
  support-agent:
    indicators:
      ticket-resolved: {price: "0.99", currency: USD}
"""
MAPPING = """
source: NAME
verify: {scheme: zendesk, secrets: [SECRET]}
outcomes:
  - name: resolved
    when: event.status == "solved"
    agent: support-agent
    customer: ${{ lookup("companies", id(event.company)) }}
    indicator: ticket-resolved
    once_per: ${{ id(event.id) }}
"""
TABLE = '"7": acme\n'
FILES = {
    "agents.yaml": AGENTS,
    "crm.yaml": MAPPING.replace("NAME", "crm"),
    "desk.yaml": MAPPING.replace("NAME", "desk"),
    "tables/companies.yaml": TABLE,
}
BROKEN = "outcomes: [unclosed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A mappings folder of two sources, a catalogue and a table."""
    folder = tmp_path / "mappings"
    for name, content in FILES.items():
        write(folder, name, content)
    return folder


def write(folder: Path, name: str, content: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")


def move(folder: Path, elsewhere: Path) -> None:
    folder.rename(elsewhere)


def edit(folder: Path, name: str, old: str, new: str) -> None:
    content = (folder / name).read_text("utf-8")
    assert old in content
    write(folder, name, content.replace(old, new))


def watch_on(workshop: Workshop, folder: Path, **more: Any) -> MappingWatch:
    return MappingWatch(workshop.new_database(), folder, timezone="UTC", schemes=RULES, **more)


@pytest.fixture
async def watch(workshop: Workshop, folder: Path) -> MappingWatch:
    """A watch that has started on good files."""
    watch = watch_on(workshop, folder)
    await watch.start()
    return watch


def mapped(
    current: MappingSet, source: str = "crm", *, company: int = 7, ticket: int = 1
) -> Mapped:
    ticket_event = {"id": ticket, "status": "solved", "company": company}
    return current.map(
        DeliveryInput(
            source=source,
            body=json.dumps(ticket_event).encode(),
            headers={"content-type": "application/json"},
            received_at=datetime.now(UTC),
        )
    )


def amount(current: MappingSet, source: str = "crm") -> int | None:
    """What a solved ticket bills now, in millionths."""
    found = mapped(current, source)
    assert found.failures == ()
    (outcome,) = found.outcomes
    return outcome.amount_micros


def rejected(logs: list[Any]) -> list[str]:
    return [entry["problem"] for entry in logs if entry["event"] == "mappings.rejected"]


async def remembered(workshop: Workshop) -> dict[str, str]:
    rows = await workshop.all(select(mapping_files))
    return {row.name: bytes(row.text).decode() for row in rows}


async def test_an_edit_is_in_force_within_three_seconds(watch: MappingWatch, folder: Path) -> None:
    async with running(watch.run()):
        assert amount(watch.current) == 990_000
        edit(folder, "agents.yaml", "0.99", "1.25")
        await until(lambda: amount(watch.current) == 1_250_000, seconds=3)


async def test_a_snapshot_in_use_is_not_changed_by_an_edit(
    watch: MappingWatch, folder: Path
) -> None:
    before = watch.current
    edit(folder, "agents.yaml", "0.99", "1.25")
    await watch._look()
    assert (amount(before), amount(watch.current)) == (990_000, 1_250_000)
    assert (
        mapped(before).outcomes[0].price_version != mapped(watch.current).outcomes[0].price_version
    )


async def test_threads_that_share_a_snapshot_do_not_meet_in_it(watch: MappingWatch) -> None:
    """A worker maps in several threads; each delivery gets the key of its own event."""
    current = watch.current

    def map_many(first: int) -> list[str]:
        return [
            mapped(current, source, ticket=first + number).outcomes[0].key
            for number in range(150)
            for source in ("crm", "desk")
        ]

    found = await asyncio.gather(*(asyncio.to_thread(map_many, n * 1_000) for n in range(4)))
    assert [key for keys in found for key in keys] == [
        f'["{source}","resolved","{n * 1_000 + number}"]'
        for n in range(4)
        for number in range(150)
        for source in ("crm", "desk")
    ]


async def test_a_folder_left_alone_is_not_loaded_again(watch: MappingWatch) -> None:
    before = watch.current
    await watch._look()
    assert watch.current is before


async def test_every_change_is_announced(workshop: Workshop, folder: Path) -> None:
    announced: list[MappingSet] = []
    watch = watch_on(workshop, folder, on_change=announced.append)
    await watch.start()
    edit(folder, "agents.yaml", "0.99", "1.25")
    await watch._look()
    assert [amount(one) for one in announced] == [990_000, 1_250_000]


BAD_EDITS: dict[str, tuple[str, str]] = {
    "no YAML": ("crm.yaml", BROKEN),
    "half-written": ("crm.yaml", FILES["crm.yaml"][:90]),
    "empty": ("crm.yaml", ""),
    "an expression that does not compile": (
        "crm.yaml",
        FILES["crm.yaml"].replace('== "solved"', "=="),
    ),
    "a literal agent without a price": (
        "crm.yaml",
        FILES["crm.yaml"].replace("agent: support-agent", "agent: unknown-agent"),
    ),
    "a catalogue that is no YAML": ("agents.yaml", BROKEN),
    "a table that is no YAML": ("tables/companies.yaml", BROKEN),
}


@pytest.mark.parametrize(("name", "content"), BAD_EDITS.values(), ids=BAD_EDITS.keys())
async def test_a_bad_edit_is_loud_and_the_last_good_text_goes_on(
    watch: MappingWatch, folder: Path, name: str, content: str, logs: list[Any]
) -> None:
    write(folder, name, content)
    await watch._look()
    assert watch.current.stale == {name}
    assert any(problem.startswith(f"{name}:") for problem in rejected(logs))
    assert watch.current.problems
    assert (amount(watch.current, "crm"), amount(watch.current, "desk")) == (990_000, 990_000)
    write(folder, name, FILES[name])
    await watch._look()
    assert (watch.current.stale, watch.current.problems) == (frozenset(), ())
    assert amount(watch.current) == 990_000


async def test_of_two_files_for_one_source_each_goes_on_as_it_was(
    watch: MappingWatch, folder: Path, logs: list[Any]
) -> None:
    write(folder, "crm.yaml", FILES["desk.yaml"].replace('"solved"', '"closed"'))
    await watch._look()
    assert {problem.split(":")[0] for problem in rejected(logs)} == {"crm.yaml", "desk.yaml"}
    assert (amount(watch.current, "crm"), amount(watch.current, "desk")) == (990_000, 990_000)


async def test_a_bad_edit_costs_only_itself(watch: MappingWatch, folder: Path) -> None:
    """Other files' edits of the same moment are in force."""
    write(folder, "crm.yaml", BROKEN)
    edit(folder, "desk.yaml", '"solved"', '"closed"')
    await watch._look()
    assert amount(watch.current, "crm") == 990_000
    assert mapped(watch.current, "desk").outcomes == ()


async def test_a_new_file_that_is_bad_leaves_its_own_source_unusable(
    watch: MappingWatch, folder: Path
) -> None:
    write(folder, "new.yaml", MAPPING.replace("NAME", "new").replace("when:", "whenever:"))
    await watch._look()
    assert "new" in watch.current.unusable
    assert "new" not in watch.current.sources
    (failure,) = mapped(watch.current, "new").failures
    assert failure.reason is Reason.MAPPING
    assert amount(watch.current, "crm") == 990_000


async def test_a_new_source_needs_no_restart(watch: MappingWatch, folder: Path) -> None:
    write(folder, "new.yaml", MAPPING.replace("NAME", "new"))
    await watch._look()
    assert amount(watch.current, "new") == 990_000


async def test_a_table_edit_is_in_force_too(watch: MappingWatch, folder: Path) -> None:
    assert mapped(watch.current, company=8).failures[0].reason is Reason.UNMAPPED
    write(folder, "tables/companies.yaml", TABLE + '"8": globex\n')
    await watch._look()
    assert mapped(watch.current, company=8).outcomes[0].customer_id == "globex"


async def test_a_vanished_file_is_believed_at_the_second_look(
    watch: MappingWatch, folder: Path
) -> None:
    content = (folder / "crm.yaml").read_text("utf-8")
    (folder / "crm.yaml").unlink()
    await watch._look()
    assert "crm" in watch.current.sources
    write(folder, "crm.yaml", content)
    await watch._look()
    (folder / "crm.yaml").unlink()
    await watch._look()
    assert "crm" in watch.current.sources
    await watch._look()
    assert "crm" not in watch.current.sources
    assert amount(watch.current, "desk") == 990_000


async def test_a_file_removed_on_purpose_is_forgotten(
    watch: MappingWatch, folder: Path, workshop: Workshop
) -> None:
    (folder / "crm.yaml").unlink()
    await watch._look()
    await watch._look()
    assert sorted(await remembered(workshop)) == [
        "agents.yaml",
        "desk.yaml",
        "tables/companies.yaml",
    ]
    again = watch_on(workshop, folder)
    assert "crm" not in (await again.start()).sources


async def test_a_folder_that_is_away_leaves_things_as_they_are(
    watch: MappingWatch, folder: Path, logs: list[Any]
) -> None:
    async with running(watch.run()):
        move(folder, folder.with_name("away"))
        await until(lambda: [one for one in logs if one["event"] == "mappings.postponed"])
        assert amount(watch.current) == 990_000
        move(folder.with_name("away"), folder)
        edit(folder, "agents.yaml", "0.99", "1.25")
        await until(lambda: amount(watch.current) == 1_250_000, seconds=4)


async def test_an_edit_while_the_database_is_away_waits_until_it_can_be_judged(
    on_postgres: Workshop, postgres: Postgres, folder: Path, logs: list[Any]
) -> None:
    watch = watch_on(on_postgres, folder)
    await watch.start()
    async with running(watch.run()):
        postgres.kill()
        edit(folder, "agents.yaml", "0.99", "1.25")
        await until(lambda: [one for one in logs if one["event"] == "mappings.postponed"])
        assert amount(watch.current) == 990_000
        postgres.restart()
        await on_postgres.database.engine.dispose()
        await until(lambda: amount(watch.current) == 1_250_000)
    assert "1.25" in (await remembered(on_postgres))["agents.yaml"]


async def test_two_processes_watch_one_folder_in_peace(workshop: Workshop, folder: Path) -> None:
    watches = [watch_on(workshop, folder) for _ in range(2)]
    await asyncio.gather(*(watch.start() for watch in watches))
    edit(folder, "agents.yaml", "0.99", "1.25")
    await asyncio.gather(*(watch._look() for watch in watches))
    assert [amount(watch.current) for watch in watches] == [1_250_000] * 2
    assert "1.25" in (await remembered(workshop))["agents.yaml"]


async def test_a_file_that_is_being_written_is_not_believed_before_it_is_whole(
    watch: MappingWatch, folder: Path
) -> None:
    """Half of a file may be a good one: here a catalogue without its customers' own prices."""
    whole = (
        AGENTS + "    customers:\n      acme: {ticket-resolved: {price: '0.50', currency: USD}}\n"
    )
    seen: set[str] = set()
    async with running(watch.run()):
        for end in range(len(AGENTS), len(whole), 6):
            write(folder, "agents.yaml", whole[:end])
            seen.add(catalogue_version(watch.current))
            await asyncio.sleep(0.1)
        write(folder, "agents.yaml", whole)
        await until(lambda: catalogue_version(watch.current) not in seen)
    assert len(seen) == 1
    assert not watch.current.problems


def catalogue_version(current: MappingSet) -> str:
    assert current.catalogue is not None
    return current.catalogue.version


async def test_a_source_that_is_not_known_is_looked_for_at_once(
    watch: MappingWatch, folder: Path
) -> None:
    before = watch.current
    await watch.look_for({"crm", "desk"})
    write(folder, "shop.yaml", MAPPING.replace("NAME", "shop"))
    await watch.look_for({"crm"})
    assert watch.current is before
    await watch.look_for({"crm", "shop"})
    assert amount(watch.current, "shop") == 990_000
    await watch.look_for({"gone"})  # and one that there is not stays unknown, without a fault
