"""What months would show in another time zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import get_args
from zoneinfo import ZoneInfo

from jobs.filters import BillingFilter
from jobs.queries.ledger.billing_events import Basis
from jobs.queries.ledger.revenue import RevenueItem, all_revenue
from jobs.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthMoved:
    """A month whose lines are other ones in the other zone; amounts may agree all the same."""

    basis: str
    month: str
    currency: str
    before: str
    after: str

    def as_json(self) -> dict[str, str]:
        """The object that `--json` prints."""
        return asdict(self)


async def moved_months(database: Database, before: ZoneInfo, after: ZoneInfo) -> list[MonthMoved]:
    """Every month and currency that differs, by both bases, latest month first."""
    moved: list[MonthMoved] = []
    all_lines = BillingFilter()
    for basis in get_args(Basis):
        was, is_now = [
            _by_month(await all_revenue(database, all_lines, by=("month",), zone=zone, basis=basis))
            for zone in (before, after)
        ]
        moved += [
            MonthMoved(
                basis=basis,
                month=month,
                currency=currency,
                before=was[month, currency].amount if (month, currency) in was else "0.00",
                after=is_now[month, currency].amount if (month, currency) in is_now else "0.00",
            )
            for month, currency in sorted(was.keys() | is_now.keys(), reverse=True)
            if was.get((month, currency)) != is_now.get((month, currency))
        ]
    return moved


def _by_month(items: Iterable[RevenueItem]) -> dict[tuple[str, str], RevenueItem]:
    return {(str(item.month), item.currency): item for item in items}
