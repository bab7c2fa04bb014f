"""What each fault does. All of them fix what they broke before they return."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.chaos.books import is_amid_settling
from tests.chaos.database_faults import DatabaseFaults
from tests.chaos.plan import Fault
from tests.chaos.site import Member, Site

#: How long a fault waits for the moment it is meant for.
MOMENT_SECONDS = 3.0
#: So many charges are corrected at once.
CORRECTED = 5


class Faults:
    """Strikes; returns whether there was anything to strike."""

    def __init__(self, site: Site, database: DatabaseFaults, engine: AsyncEngine) -> None:
        self._site = site
        self._engine = engine
        self._database = database
        self._valkey = site.service.valkey
        files = sorted(site.service.mappings.glob("*.yaml"))
        self._texts = {path: path.read_text() for path in files}
        self._editions = 0

    def targets(self, fault: Fault) -> list[str]:
        """Whom no other fault may strike meanwhile, in the order to lock them."""
        if fault.target == "all":
            members = [member.name for member in self._site.members]
            return ["database", *sorted(members), "valkey"]
        if fault.target in ("web", "worker"):
            return [self._member(fault).name]
        return [fault.target]

    async def strike(self, fault: Fault) -> bool:
        """Carry it out to its end."""
        if fault.target == "all":
            return await self._blackout(fault.seconds)
        if fault.target in ("web", "worker"):
            return await self._strike_member(fault, self._member(fault))
        if fault.target == "valkey":
            return await self._strike_valkey(fault)
        if fault.target == "mappings":
            return await self._strike_mappings(fault)
        if fault.target == "operator":
            kind = fault.kind.removeprefix("replay ")
            return await (self._correct(kind) if kind == fault.kind else self._replay(kind))
        with self._site.trouble():
            return await self._database.strike(fault)

    def _member(self, fault: Fault) -> Member:
        return self._site.of(fault.target)[fault.number]

    async def _strike_member(self, fault: Fault, member: Member) -> bool:
        if fault.during_settling:
            with contextlib.suppress(Exception):  # the database may be away: it strikes anyhow
                await asyncio.wait_for(
                    is_amid_settling(self._engine, seconds=MOMENT_SECONDS), 2 * MOMENT_SECONDS
                )
        if fault.kind == "kill":
            return member.kill(fault.seconds)
        if fault.kind == "stop":
            return await member.pause(fault.seconds)
        return await member.restart(skew_seconds=fault.skew_seconds)

    async def _strike_valkey(self, fault: Fault) -> bool:
        ways: dict[str, Callable[[float], Awaitable[None]]] = {
            "kill": self._kill_valkey,
            "stop": self._stop_valkey,
            "fill": self._fill_valkey,
            "flush": lambda _: asyncio.to_thread(self._valkey.flush),
            "cut": lambda _: asyncio.to_thread(self._cut_valkey),
        }
        await ways[fault.kind](fault.seconds)
        return True

    async def _kill_valkey(self, seconds: float) -> None:
        await asyncio.to_thread(self._valkey.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self._valkey.start)

    async def _stop_valkey(self, seconds: float) -> None:
        self._valkey.freeze()
        try:
            await asyncio.sleep(seconds)
        finally:
            await asyncio.to_thread(self._valkey.thaw)

    async def _fill_valkey(self, seconds: float) -> None:
        """Out of memory: it answers, and takes nothing."""
        await asyncio.to_thread(self._set_maxmemory, "1")
        try:
            await asyncio.sleep(seconds)
        finally:
            await asyncio.to_thread(self._set_maxmemory, "0")

    def _set_maxmemory(self, limit: str) -> None:
        with self._valkey.client() as client:
            client.config_set("maxmemory", limit)

    def _cut_valkey(self) -> None:
        with self._valkey.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    async def _strike_mappings(self, fault: Fault) -> bool:
        """Touched, edited without a change of meaning, or broken and fixed again."""
        path = sorted(self._texts)[int(fault.at * 1000) % len(self._texts)]
        if fault.kind == "touch":
            os.utime(path)
        elif fault.kind == "edit":
            self._editions += 1
            self._write(path, f"{self._texts[path]}# edition {self._editions}\n")
        else:
            self._write(path, f"{self._texts[path]}\nbroken: [\n")
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                self._write(path, self._texts[path])
        return True

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)

    async def _replay(self, state: str) -> bool:
        """What an operator might do at the worst moment."""
        where: dict[str, Any] = {"state": state}
        if state == "recorded":
            where["since"] = (datetime.now(UTC) - timedelta(seconds=30)).isoformat()
        return await self._ask("POST", "replays", where) is not None

    async def _correct(self, kind: str) -> bool:
        """Some of the last charges taken back or billed again, or some of what was taken back.

        What an operator is not answered may have happened, as may a part of it.
        """
        wanted = "reversal" if kind == "reinstate" else "charge"
        found = await self._ask("GET", f"billing-events?kind={wanted}&limit=200", None)
        lines = [] if found is None else found["items"]
        if kind == "reinstate":
            lines = [line for line in lines if line["delivery_id"] is None]
        ids = [line["id"] for line in lines[:CORRECTED]]
        if not ids:
            return False
        order: dict[str, Any] = {"ids": ids, "note": f"chaos: {kind}"}
        if kind == "reinstate":
            return await self._ask("POST", "reinstatements", order) is not None
        order["rebill"] = kind == "rebill"
        return await self._ask("POST", "reversals", order) is not None

    async def _ask(self, method: str, path: str, body: Any) -> Any:
        """The answer of the first healthy web process; None if none is healthy."""
        headers = {"authorization": self._site.service.bearer}
        async with httpx.AsyncClient(trust_env=False, timeout=5, headers=headers) as client:
            for url in self._site.urls():
                try:
                    answer = await client.request(method, f"{url}/api/{path}", json=body)
                except httpx.TransportError:
                    continue
                if answer.is_success:
                    return answer.json()
        return None

    async def _blackout(self, seconds: float) -> bool:
        """Everything dead at the same moment; the supervisor starts it all again."""
        with self._site.trouble():
            for member in self._site.members:
                member.kill(seconds)
            await asyncio.gather(asyncio.to_thread(self._valkey.kill), self._database.die(seconds))
            await asyncio.to_thread(self._valkey.start)
        return True
