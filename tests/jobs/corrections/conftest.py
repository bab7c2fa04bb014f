from __future__ import annotations

import pytest

from tests.jobs.desk import Desk
from tests.jobs.doubles import FakeMappings
from tests.jobs.workshop import Workshop


@pytest.fixture
async def desk(workshop: Workshop) -> Desk:
    fake = FakeMappings()
    return Desk(workshop, fake, await workshop.settler(fake))
