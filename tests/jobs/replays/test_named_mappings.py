"""A replay that names the mappings of its dry run bills by those, or nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from jobs.filters import DeliveryFilter
from jobs.mapping_store import MappingsChanged
from jobs.mapping_watch import MappingWatch
from jobs.replays.dry_run import DryRun, dry_run
from jobs.replays.items import note_results
from jobs.replays.replay import ReplayStatus, replay_status, start_replay
from jobs.replays.runner import ReplayRunner
from jobs.settling.settle import Settler
from tests.jobs.test_mapping_watch import FILES, edit, watch_on, write
from tests.jobs.workshop import Workshop

FAILED = DeliveryFilter(source="crm")
CHEAP, DEAR = '"0.99"', '"99.00"'


class Service:
    """A web process, which makes dry runs, and a worker; each looks when it is asked."""

    def __init__(self, workshop: Workshop, folder: Path) -> None:
        self.workshop, self.folder = workshop, folder
        self.web, self.worker = watch_on(workshop, folder), watch_on(workshop, folder)
        self.settler = Settler(
            workshop.new_database(),
            lambda: self.worker.current,
            note_results=note_results,
            on_outdated=self.worker.reconsider,
        )

    def runner(self, look: Callable[[], Awaitable[object]] | None = None) -> ReplayRunner:
        return ReplayRunner(
            self.workshop.new_database(),
            self.settler.settle,
            lambda: self.worker.current,
            oldest_days=400,
            look=look or self.worker.look_now,
            held=self.worker.held,
        )

    async def rehearse(self) -> DryRun:
        return await dry_run(self.workshop.database, await self.web.look_now(), FAILED)

    async def ask(self, version: str | None) -> str:
        database = self.workshop.database
        found = await start_replay(database, FAILED, actor="t", mapping_version=version)
        return found.id

    async def status(self, replay_id: str) -> ReplayStatus:
        found = await replay_status(self.workshop.database, replay_id)
        assert found is not None
        return found

    def fix(self, price: str) -> None:
        """What the deliveries failed for is there from now on, at this price."""
        write(self.folder, "tables/companies.yaml", '"8": globex\n')
        edit(self.folder, "agents.yaml", CHEAP, price)


@pytest.fixture
async def service(workshop: Workshop, tmp_path: Path) -> AsyncIterator[Service]:
    """Three deliveries of it have failed, as their company is in no table."""
    folder = tmp_path / "mappings"
    for name, content in FILES.items():
        write(folder, name, content)
    service = Service(workshop, folder)
    await service.web.start()
    await service.worker.start()
    await service.settler.start()
    bodies = [
        json.dumps({"id": ticket, "status": "solved", "company": 8}).encode() for ticket in range(3)
    ]
    await service.settler.settle(await workshop.post(*bodies))
    yield service
    await service.settler.close()


async def test_a_worker_looks_before_it_begins_and_bills_what_was_shown(service: Service) -> None:
    """It has not seen the edit that the dry run is of; with its own mappings all would fail."""
    service.fix(DEAR)
    shown = await service.rehearse()
    assert shown.amounts_micros == {"USD": 297_000_000}
    replay_id = await service.ask(shown.mapping_version)
    await service.runner().advance()
    assert (await service.status(replay_id)).recorded == 3
    assert sum((await service.workshop.open_micros()).values()) == 297_000_000


async def test_a_worker_looks_before_a_replay_that_names_nothing_as_well(
    service: Service,
) -> None:
    service.fix(CHEAP)
    replay_id = await service.ask(None)
    await service.runner().advance()
    assert (await service.status(replay_id)).recorded == 3


async def test_a_replay_of_other_mappings_than_are_in_force_is_refused(service: Service) -> None:
    service.fix(CHEAP)
    shown = await service.rehearse()
    edit(service.folder, "agents.yaml", CHEAP, DEAR)
    current = await service.worker.look_now()
    with pytest.raises(MappingsChanged, match=f"are {current.digest}, not {shown.mapping_version}"):
        await service.ask(shown.mapping_version)
    assert await service.workshop.open_micros() == {}


async def test_an_edit_after_it_was_asked_for_leaves_the_rest_alone(service: Service) -> None:
    service.fix(CHEAP)
    replay_id = await service.ask((await service.rehearse()).mapping_version)
    edit(service.folder, "agents.yaml", CHEAP, DEAR)
    await service.runner().advance()
    status = await service.status(replay_id)
    assert (status.state, status.done, status.recorded, status.not_replayed) == ("done", 3, 0, 3)
    assert await service.workshop.open_micros() == {}
    again = await service.ask(service.worker.current.digest)
    await service.runner().advance()
    assert (await service.status(again)).recorded == 3


async def test_a_worker_that_is_behind_waits(service: Service) -> None:
    """What it has is not in force; it takes the replay up once it has what is."""

    async def blind() -> None:
        return

    service.fix(CHEAP)
    replay_id = await service.ask((await service.rehearse()).mapping_version)
    await service.runner(blind).advance()
    assert (await service.status(replay_id)).done == 0
    await service.runner().advance()
    assert (await service.status(replay_id)).recorded == 3


async def test_an_edit_during_a_step_is_in_force_after_it(service: Service) -> None:
    service.fix(CHEAP)
    replay_id = await service.ask((await service.rehearse()).mapping_version)
    settle = service.settler.settle
    looked: list[MappingWatch] = []

    async def edited_meanwhile(ids: list[str]) -> None:
        edit(service.folder, "agents.yaml", CHEAP, DEAR)
        await service.worker.look_now()
        looked.append(service.worker)
        await settle(ids)

    service.settler.settle = edited_meanwhile  # type: ignore[assignment,method-assign]
    await service.runner().advance()
    assert looked
    assert (await service.status(replay_id)).recorded == 3
    assert sum((await service.workshop.open_micros()).values()) == 2_970_000
