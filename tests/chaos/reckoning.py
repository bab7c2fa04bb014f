"""The reckoning: judge, fix and judge again, replay everything and judge once more.

Owns the order of it and the questions to the service; what is right is `tests.chaos.judge`'s.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import httpx

from tests.chaos import books
from tests.chaos.judge import judge, judge_status, unanswered_and_kept
from tests.chaos.parts import Run
from tests.chaos.site import Site
from tests.chaos.stories import MISSING_ACCOUNT, MISSING_CUSTOMER

#: What is not fixed, and not replayed, by then will never be.
MENDED_SECONDS = 300.0
#: An edit of the mappings is in force after so long.
RELOADED_SECONDS = 3.0
REPLAY_SECONDS = 1_800.0
UNAVAILABLE = 503
#: The checks of `receiver doctor` that are about the books.
AUDITS = ("balance", "books", "records", "corrections", "waiting", "replays", "backlog")


async def reckon(run: Run) -> None:
    """Judge; fix what failed and judge again; replay all that is recorded and judge once more."""
    site, record, findings, report = run.site, run.record, run.findings, run.report
    await _replays_end(run)
    found = await books.read(run.engine)
    judge(record, found, findings)
    judge_status(await _status(site), found, findings)
    report.take(record, found, run.monkey, run.waits)
    report.starts = site.counts
    report.unanswered_and_kept = unanswered_and_kept(record, found)
    for what in run.vendors.refused:
        findings.add("refused", what)
    for what in run.monkey.broken:
        findings.add("process", f"the harness: {what}")
    await _mend(run)
    fixed = await books.read(run.engine)
    judge(record, fixed, findings, fixed=True)
    judge_status(await _status(site), fixed, findings)
    await _replay(run, "recorded")
    again = await books.read(run.engine)
    if again.ledger != fixed.ledger or again.rows != fixed.rows:
        findings.add("replay", "replaying all that is recorded changed the books")
    await _ask_the_doctor(site)
    await run.engine.dispose()


async def _mend(run: Run) -> None:
    """Add the missing account, and replay until nothing is failed any more."""
    table = run.site.service.mappings / "tables" / "accounts.yaml"
    table.write_text(f'{table.read_text()}"{MISSING_ACCOUNT}": {MISSING_CUSTOMER}\n')
    deadline = time.monotonic() + MENDED_SECONDS
    while (await _api(run.site, "status"))["failed"] and time.monotonic() < deadline:
        await asyncio.sleep(RELOADED_SECONDS)
        await _replay(run, "failed")


async def _replay(run: Run, state: str) -> None:
    replay = await _api(run.site, "replays", {"state": state})
    deadline = time.monotonic() + REPLAY_SECONDS
    while (found := await _api(run.site, f"replays/{replay['id']}"))["state"] != "done":
        if time.monotonic() > deadline:
            run.findings.add("replay", f"this one does not end: {found}")
            return
        await asyncio.sleep(0.5)
    run.report.replayed += found["matched"]
    if state == "recorded" and found["unchanged"] != found["matched"]:
        run.findings.add("replay", f"of what is recorded not all is unchanged: {found}")


async def _replays_end(run: Run) -> None:
    """Those that the monkey began must be carried to their end by the processes alive."""
    deadline = time.monotonic() + MENDED_SECONDS
    while left := (await books.read_open_replays(run.engine)):
        if time.monotonic() > deadline:
            run.findings.add("replay", f"{left} replays do not end")
            return
        await asyncio.sleep(0.5)


async def _status(site: Site) -> dict[str, int]:
    """What the command prints, which must end well: it compares the two counts itself."""
    ran = await asyncio.to_thread(site.service.run, "status", "--json")
    if ran.code != 0:
        site.findings.add("unbalanced", f"`receiver status` ended by {ran.code}: {ran}")
    return dict(ran.json)


async def _ask_the_doctor(site: Site) -> None:
    """The service's own audits of everything must find as little as we do."""
    ran = await asyncio.to_thread(
        site.service.run, "doctor", "--full", "--json", seconds=REPLAY_SECONDS
    )
    checks = {check["name"]: check for check in ran.json}
    for name in AUDITS:
        if checks[name]["status"] != "ok":
            site.findings.add("unbalanced", f"`receiver doctor`: {checks[name]}")


async def _api(site: Site, path: str, body: Any = None) -> Any:
    """What the API answers; a 503 is asked again, as connections may still be found cut."""
    url = f"{site.urls()[0]}/api/{path}"
    headers = {"authorization": site.service.bearer}
    async with httpx.AsyncClient(trust_env=False, timeout=60, headers=headers) as client:
        ask = partial(client.get, url) if body is None else partial(client.post, url, json=body)
        answer = await ask()
        for pause in (1, 2, 4, 8):
            if answer.status_code == UNAVAILABLE:
                await asyncio.sleep(pause)
                answer = await ask()
    assert answer.is_success, f"{url}: {answer.status_code} {answer.text}"
    return answer.json()
