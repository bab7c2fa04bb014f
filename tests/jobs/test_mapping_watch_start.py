"""How mappings start: with the texts that were in force before, or with none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from jobs.mapping_watch import MappingsRefused, MappingWatch
from tests.jobs.test_mapping_watch import (
    BROKEN,
    FILES,
    amount,
    edit,
    folder as folder,  # noqa: PLC0414
    rejected,
    remembered,
    watch as watch,  # noqa: PLC0414
    watch_on,
    write,
)
from tests.jobs.workshop import Workshop


async def test_good_texts_are_remembered_and_bad_ones_are_not(
    watch: MappingWatch, folder: Path, workshop: Workshop
) -> None:
    assert await remembered(workshop) == FILES
    write(folder, "crm.yaml", BROKEN)
    edit(folder, "agents.yaml", "0.99", "1.25")
    await watch._look()
    kept = await remembered(workshop)
    assert kept["crm.yaml"] == FILES["crm.yaml"]
    assert "1.25" in kept["agents.yaml"]


async def test_a_restart_with_a_bad_file_goes_on_with_its_last_good_text(
    watch: MappingWatch, folder: Path, workshop: Workshop, logs: list[Any]
) -> None:
    write(folder, "crm.yaml", BROKEN)
    again = watch_on(workshop, folder)
    current = await again.start()
    assert current.stale == {"crm.yaml"}
    assert amount(current, "crm") == 990_000
    assert any(problem.startswith("crm.yaml:") for problem in rejected(logs))
    third = watch_on(workshop, folder)
    assert amount(await third.start(), "crm") == 990_000


async def test_a_strict_start_refuses_a_bad_file_all_the_same(
    watch: MappingWatch, folder: Path, workshop: Workshop
) -> None:
    write(folder, "crm.yaml", BROKEN)
    with pytest.raises(MappingsRefused, match=r"crm\.yaml:\d+:"):
        await watch_on(workshop, folder).start(strict=True)


async def test_a_first_start_refuses_a_bad_set_and_names_all_of_it(
    workshop: Workshop, folder: Path
) -> None:
    write(folder, "crm.yaml", BROKEN)
    write(folder, "desk.yaml", FILES["desk.yaml"].replace("when:", "whenever:"))
    with pytest.raises(MappingsRefused) as refused:
        await watch_on(workshop, folder).start()
    assert {problem.file for problem in refused.value.problems} == {"crm.yaml", "desk.yaml"}
    assert await remembered(workshop) == {}
    shutil.rmtree(folder)
    for name, content in FILES.items():
        write(folder, name, content)
    assert amount(await watch_on(workshop, folder).start()) == 990_000


async def test_a_folder_that_does_not_exist_stops_a_start(
    workshop: Workshop, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="nowhere"):
        await watch_on(workshop, tmp_path / "nowhere").start()


async def test_asking_before_the_start_is_a_bug(workshop: Workshop, folder: Path) -> None:
    with pytest.raises(RuntimeError, match="before they were loaded"):
        _ = watch_on(workshop, folder).current
