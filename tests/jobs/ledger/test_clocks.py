"""Whose clock the ledger goes by: the database's, where processes may have others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from jobs.corrections import runner
from jobs.ledger import recording
from jobs.storage.schema import billing_events
from tests.jobs.desk import Desk
from tests.jobs.doubles import FakeMappings, bill
from tests.jobs.workshop import Workshop


@pytest.mark.parametrize("off", [timedelta(days=-40), timedelta(days=40)], ids=["late", "early"])
async def test_a_clock_that_is_wrong_posts_into_no_other_month_and_outlaws_no_later_charge(
    on_postgres: Workshop, monkeypatch: pytest.MonkeyPatch, off: timedelta
) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # that of another machine
            return datetime.now(tz) + off

    began = datetime.now(UTC)
    fake = FakeMappings()
    desk = Desk(on_postgres, fake, await on_postgres.settler(fake))
    for module in (recording, runner):
        monkeypatch.setattr(module, "datetime", Wrong)
    ids = await desk.settle(bill("key", at=began - timedelta(hours=1)))
    await desk.reverse(*ids)
    await desk.settle(bill("key", at=datetime.now(UTC), micros=20))
    assert await desk.ledger("key") == [990_000, -990_000, 20]
    lines = await on_postgres.all(select(billing_events.c.recorded_at))
    assert all(began <= line.recorded_at <= datetime.now(UTC) for line in lines)
