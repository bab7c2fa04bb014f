"""An export by forward cursor: `python -m tests.support.exporter URL TOKEN DIR`.

As a user writes one. A page and the cursor behind it become one file, by one rename: killed at any
moment, it goes on from the last file. Ends when a file `stop` is there and nothing is left.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx

LIMIT = 400


def pages(folder: Path) -> list[dict[str, Any]]:
    """What was stored, in order."""
    return [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]


def export(url: str, token: str, folder: Path) -> None:
    stored = sorted(folder.glob("*.json"))
    number = len(stored)
    after = json.loads(stored[-1].read_bytes())["next"] if stored else ""
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
        while True:
            is_last = (folder / "stop").exists()
            answer = client.get("/api/billing-events", params={"after": after, "limit": LIMIT})
            answer.raise_for_status()
            page = answer.json()
            if page["items"]:
                number += 1
                unfinished = folder / "unfinished"
                unfinished.write_bytes(answer.content)
                unfinished.replace(folder / f"{number:06}.json")
            elif is_last:
                return
            else:
                time.sleep(0.05)
            after = page["next"]


if __name__ == "__main__":
    export(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
