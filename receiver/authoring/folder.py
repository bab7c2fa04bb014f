"""A folder of one's own: the files that `receiver init` writes, as text.

Pure. Owns what is in such a folder; the caller writes the files and overwrites nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

from mappings.engine.pricing.catalogue import FILE as AGENTS_FILE
from mappings.engine.tooling.schema import AGENTS_SCHEMA_FILE, FILE, agents_schema_text, schema_text
from receiver.authoring.library import ReadyMade
from receiver.authoring.pricelist import Prices, merged, priced_text
from receiver.authoring.scaffold import AGENTS_TEXT
from receiver.config.settings import variable
from receiver.signatures import RULES

MAPPINGS = "mappings"
ENV = ".env"

GITIGNORE = """\
# Secrets, and what `receiver up` makes while it runs: database, socket, logs
/.env
/var/
"""
README = """\
# Outcome billing

Made by `receiver init`. Everything here is yours to edit; start the service with `receiver up`.

- `mappings/NAME.yaml` decides what a source bills. Each begins in shadow: it bills nothing until
  you write `mode: live`. `mappings/agents.yaml` has the prices, `mappings/tables/` your customers.
- `.env` has the secrets, readable by you alone; `var/` has the database. Keep both out of git.
- `receiver sources` shows the URL to enter at each vendor, and which secret is still missing.
- `receiver check` after every edit; `receiver try NAME FILE` shows what a payload would bill.
- `receiver new NAME` begins a mapping; `receiver new NAME --from ENTRY` copies a ready-made one.
"""


def folder_files(entries: Iterable[ReadyMade], *, token: str) -> dict[str, bytes]:
    """Each file of the folder by its path in it. `token` opens the API.

    Where several entries have a price of one indicator, that of the first counts.
    """
    entries = list(entries)
    nothing: Prices = {}
    prices = reduce(merged, (entry.prices for entry in entries), nothing)
    files = {
        ENV: env_text(entries, token=token).encode(),
        ".gitignore": GITIGNORE.encode(),
        "README.md": README.encode(),
        f"{MAPPINGS}/{AGENTS_FILE}": (priced_text(prices) if prices else AGENTS_TEXT).encode(),
        **{f"{MAPPINGS}/{name}": text.encode() for name, text in schema_files().items()},
    }
    for entry in entries:
        files[f"{MAPPINGS}/{entry.file}"] = entry.text.encode()
        files |= {f"{MAPPINGS}/{name}": body for name, body in entry.files.items()}
    return files


def schema_files() -> Mapping[str, str]:
    """What the first lines of mapping files and of `agents.yaml` name, for editors."""
    return {FILE: schema_text(RULES), AGENTS_SCHEMA_FILE: agents_schema_text()}


def env_text(entries: Iterable[ReadyMade], *, token: str) -> str:
    """The file of secrets: those of the sources to be filled in."""
    names = dict.fromkeys(name for entry in entries for name in entry.secrets)
    secrets = "".join(f"{name}=\n" for name in names)
    return (
        "# For the owner alone. Read again within 3 seconds of a change; no restart is needed.\n"
        "# The token that opens /api:\n"
        f"{variable('admin_token')}={token}\n"
        "# Secrets of sources, exactly as the vendor shows them; `receiver sources` lists them:\n"
        f"{secrets}"
    )
